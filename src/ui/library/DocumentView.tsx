import { useEffect, useState } from 'react';
import { ArrowLeft } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { DocumentRow, Passage } from '../../state/library.ts';
import { Button, cx } from '../components/index.ts';
import { Page } from '../components/Page.tsx';
import { useDocuments } from './useDocuments.ts';
import styles from './library.module.css';

/** Passages on screen at a time: a thousand pages are not one scroll. */
const SHOWN = 40;

export interface DocumentViewProps {
  readonly id: string;
  /** The passage that was cited, from 0. */
  readonly place: number;
}

/** A document's text as it was read, at the passage that was looked for. Text only: nothing in it is drawn or opened. */
export function DocumentView({ id, place }: DocumentViewProps) {
  const { t } = useTranslation('library');
  const { actions } = useDocuments();
  const [from, setFrom] = useState(() => Math.max(0, place - 5));
  const [shown, setShown] = useState<{ row: DocumentRow | null; passages: readonly Passage[] } | null>(null);

  useEffect(() => {
    if (!actions) return;
    let isCurrent = true;
    void Promise.all([actions.find(id), actions.passages(id, from, SHOWN)]).then(
      ([row, passages]) => {
        if (isCurrent) setShown({ row: row ?? null, passages });
      },
      () => {
        if (isCurrent) setShown({ row: null, passages: [] });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [actions, id, from]);

  const isThere = shown !== null && shown.passages.length > 0;
  useEffect(() => {
    if (isThere) document.getElementById(`passage-${place}`)?.scrollIntoView({ block: 'center' });
  }, [isThere, place]);

  const row = shown?.row;
  return (
    <Page>
      <Link href="/library" className={styles.back}>
        <ArrowLeft size={15} aria-hidden />
        {t('card.back')}
      </Link>
      {shown && !row && <p className={styles.note}>{t('documents.missing')}</p>}
      {shown && row && (
        <article className={styles.card} aria-labelledby="document-title">
          <header>
            <h2 id="document-title">{row.name}</h2>
          </header>
          {from > 0 && (
            <Button
              size="s"
              onClick={() => {
                setFrom(Math.max(0, from - SHOWN));
              }}
            >
              {t('documents.earlier')}
            </Button>
          )}
          <div role="region" aria-label={t('documents.text')} className={styles.documentText}>
            {shown.passages.map((passage, index) => {
              const { anchor } = passage;
              const ordinal = anchor.kind === 'document' ? anchor.ordinal : index;
              const page = anchor.kind === 'document' ? anchor.page : null;
              const before = shown.passages[index - 1];
              const pageBefore = before?.anchor.kind === 'document' ? before.anchor.page : null;
              return (
                <div
                  key={passage.id}
                  id={`passage-${ordinal}`}
                  className={cx(styles.passage, ordinal === place && styles.target)}
                >
                  {page !== null && page !== pageBefore && <small>{t('page', { page })}</small>}
                  {passage.heading !== '' && passage.heading !== before?.heading && (
                    <h3>{passage.heading}</h3>
                  )}
                  <p>{passage.text}</p>
                </div>
              );
            })}
          </div>
          {from + SHOWN < row.passages && (
            <Button
              size="s"
              onClick={() => {
                setFrom(from + SHOWN);
              }}
            >
              {t('documents.later')}
            </Button>
          )}
        </article>
      )}
    </Page>
  );
}
