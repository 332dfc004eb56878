import { useEffect, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useHistory, useStores } from '../../state/hooks.ts';
import type { SearchHit } from '../../state/types.ts';
import { SEARCH_INPUT_ID } from './SearchBox.tsx';
import { markExcerpt } from './excerpt.ts';
import styles from './SearchResults.module.css';

const TYPING_PAUSE_MS = 120;

export interface SearchResultsProps {
  readonly query: string;
  readonly onNavigate: () => void;
}

/** Messages and titles that match, newest first as the history ranks them. */
export function SearchResults({ query, onNavigate }: SearchResultsProps) {
  const { t, i18n } = useTranslation('history');
  const hits = useHits(query);
  const dates = new Intl.DateTimeFormat(i18n.language, { month: 'numeric', day: 'numeric' });

  if (hits === null) return <p className={styles.note}>{t('searching')}</p>;
  return (
    <>
      <p className={hits.length > 0 ? 'visually-hidden' : styles.note} role="status">
        {hits.length > 0 ? t('hitCount', { total: hits.length }) : t('noHits', { query })}
      </p>
      {hits.length > 0 && (
        <ul className={styles.list} aria-label={t('hits')} onKeyDown={moveFocus}>
          {hits.map((hit) => (
            <li key={hit.messageId ?? `title-${hit.conversationId}`}>
              <Link
                href={
                  hit.messageId ? `/c/${hit.conversationId}/${hit.messageId}` : `/c/${hit.conversationId}`
                }
                className={styles.hit}
                data-hit
                onClick={onNavigate}
              >
                <span className={styles.head}>
                  <b>{hit.messageId ? hit.title || t('untitled') : <Marked hit={hit} />}</b>
                  <time dateTime={new Date(hit.createdAt).toISOString()}>{dates.format(hit.createdAt)}</time>
                </span>
                {hit.messageId && (
                  <span className={styles.excerpt}>
                    {hit.role === 'user' ? t('you') : ''}
                    <Marked hit={hit} />
                  </span>
                )}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function moveFocus(event: KeyboardEvent<HTMLElement>) {
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-hit]')];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || event.altKey) return;
  event.preventDefault();
  const next = links.findIndex((link) => link === document.activeElement) + step;
  if (next < 0) document.getElementById(SEARCH_INPUT_ID)?.focus();
  else links[Math.min(next, links.length - 1)]?.focus();
}

function Marked({ hit }: { readonly hit: SearchHit }) {
  return markExcerpt(hit.excerpt, hit.matches).map((part, index) =>
    part.isMatch ? <mark key={index}>{part.text}</mark> : part.text,
  );
}

/** null while the first search runs; an answer that was overtaken by more typing is dropped. */
function useHits(query: string): readonly SearchHit[] | null {
  const { history } = useStores();
  const [hits, setHits] = useState<readonly SearchHit[] | null>(null);
  // Another tab, or the answer being written, may change what matches.
  const conversations = useHistory((state) => state.conversations);
  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      void history
        .getState()
        .search(query)
        .catch(() => [])
        .then((found) => {
          if (isCurrent) setHits(found);
        });
    }, TYPING_PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [query, history, conversations]);
  return hits;
}
