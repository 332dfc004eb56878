import '../../i18n/library.ts';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { checkCitations, citable } from '../../shared/citations.ts';
import type { AnswerPassage, AnswerSources as Sources } from '../../shared/types.ts';
import { Pill } from '../components/index.ts';
import { neutralise } from '../markdown/neutralise.ts';
import { markExcerpt } from '../search/excerpt.ts';
import { placeOfId } from './place.ts';
import { sourceElementId } from './sourceId.ts';
import styles from './library.module.css';

export interface AnswerSourcesProps {
  readonly messageId: string;
  readonly sources: Sources;
  /** The answer as far as it is written. */
  readonly text: string;
}

/** Under an answer: the passages it stands beside, their sentences marked, with the way to the original. */
export function AnswerSources({ messageId, sources, text }: AnswerSourcesProps) {
  const { t } = useTranslation('library');
  const titleId = useId();
  const { passages, inPrompt } = sources;
  const { cited, dropped } = checkCitations(text, citable(sources));
  const lost = dropped + sources.droppedCitations;

  return (
    <section className={styles.sources} aria-label={t('sources.label')}>
      {passages.length === 0 ? (
        <p>{t('sources.none')}</p>
      ) : (
        <details open>
          <summary id={titleId}>
            {t('sources.title')} <small>{t('sources.count', { total: passages.length })}</small>
          </summary>
          <p className={styles.remark}>{t(inPrompt ? 'sources.read' : 'sources.beside')}</p>
          {/* Its own scroll: the answer above stays in sight; by keyboard too. */}
          <ol aria-labelledby={titleId} tabIndex={0}>
            {passages.map((passage) => (
              <Source
                key={passage.id}
                elementId={sourceElementId(messageId, passage.number)}
                passage={passage}
                isCited={cited.includes(passage.number)}
              />
            ))}
          </ol>
        </details>
      )}
      {lost > 0 && <p className={styles.remark}>{t('sources.dropped', { count: lost })}</p>}
    </section>
  );
}

interface SourceProps {
  readonly elementId: string;
  readonly passage: AnswerPassage;
  readonly isCited: boolean;
}

function Source({ elementId, passage, isCited }: SourceProps) {
  const { t } = useTranslation('library');
  const { number, title, heading, page, origin, text, quotes, id } = passage;
  const place = placeOfId(id);
  return (
    <li id={elementId} tabIndex={-1} className={styles.source}>
      <span className={styles.number}>[{number}]</span>
      <div>
        <span className={styles.sourceHead}>
          <b>{neutralise(title)}</b>
          {heading && <span>{neutralise(heading)}</span>}
          {page !== null && <span>{t('page', { page })}</span>}
          {isCited && <Pill tone="accent">{t('sources.cited')}</Pill>}
          <Pill>{t(`origin.${origin}`)}</Pill>
          {place && (
            <Link href={place} aria-label={t('sources.openNamed', { title })}>
              {t('sources.open')}
            </Link>
          )}
        </span>
        <p className={styles.quote}>
          {markExcerpt(text, quotes).map((part, index) =>
            part.isMatch ? <mark key={index}>{neutralise(part.text)}</mark> : neutralise(part.text),
          )}
        </p>
      </div>
    </li>
  );
}
