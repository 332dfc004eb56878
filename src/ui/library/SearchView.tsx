import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { Search, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { searchLibrary } from '../../state/library.ts';
import type { LibraryHit } from '../../state/library.ts';
import { Button, ErrorNotice, IconButton, Kbd, Pill, cx } from '../components/index.ts';
import { Page, Section } from '../components/Page.tsx';
import { markExcerpt } from '../search/excerpt.ts';
import { BrowseCards } from './BrowseCards.tsx';
import { DocumentsSection } from './DocumentsSection.tsx';
import { excerptAround } from './excerpt.ts';
import { LIBRARY_SEARCH_ID } from './ids.ts';
import { placeOf } from './place.ts';
import { useDocuments } from './useDocuments.ts';
import { useLibrary } from './useLibrary.ts';
import searchBox from '../search/SearchBox.module.css';
import styles from './library.module.css';

const HITS = 30;
const TYPING_PAUSE_MS = 60;
/** What was last looked for: coming back from a card shows the same list. */
let lastQuery = '';

export function SearchView() {
  const { t } = useTranslation('library');
  const { t: common } = useTranslation();
  const { library, error, retry } = useLibrary();
  const [query, setQuery] = useState(lastQuery);
  const box = useRef<HTMLInputElement>(null);
  const asked = query.trim();

  useEffect(() => {
    box.current?.focus();
    box.current?.select();
  }, []);

  function change(next: string) {
    lastQuery = next;
    setQuery(next);
  }
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape' && query !== '') {
      event.stopPropagation();
      change('');
    }
    if (event.key !== 'ArrowDown' && event.key !== 'Enter') return;
    const first = document.querySelector<HTMLElement>('[data-library-hit]');
    if (!first) return;
    event.preventDefault();
    if (event.key === 'Enter') first.click();
    else first.focus();
  }

  return (
    <Page>
      <div role="search" aria-label={t('search.label')} className={cx(searchBox.box, styles.box)}>
        <Search size={17} aria-hidden />
        <input
          ref={box}
          id={LIBRARY_SEARCH_ID}
          value={query}
          placeholder={t('search.placeholder')}
          aria-label={t('search.label')}
          autoComplete="off"
          spellCheck={false}
          maxLength={200}
          onChange={(event) => {
            change(event.target.value);
          }}
          onKeyDown={onKeyDown}
        />
        {query ? (
          <IconButton
            label={t('search.clear')}
            size="s"
            tooltip={false}
            onClick={() => {
              change('');
              box.current?.focus();
            }}
          >
            <X size={15} aria-hidden />
          </IconButton>
        ) : (
          <Kbd keys="/" />
        )}
      </div>
      {error && (
        <ErrorNotice
          error={error}
          actions={
            <Button size="s" onClick={retry}>
              {common('retry')}
            </Button>
          }
        />
      )}
      {asked !== '' ? (
        <Hits query={asked} />
      ) : (
        <>
          {library && (
            <Section title={t('browse.label')}>
              {!library.index.reviewed && <p className={styles.notice}>{t('card.unreviewed')}</p>}
              <BrowseCards library={library} />
            </Section>
          )}
          <DocumentsSection />
        </>
      )}
    </Page>
  );
}

function Hits({ query }: { readonly query: string }) {
  const { t } = useTranslation('library');
  const [hits, setHits] = useState<readonly LibraryHit[] | null>(null);
  // What is imported or deleted meanwhile changes what is found.
  const { documents } = useDocuments().state;
  const [error, setError] = useState<CodedError | null>(null);

  useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      searchLibrary(query, HITS).then(
        (found) => {
          if (!isCurrent) return;
          setHits(found.hits);
          setError(null);
        },
        (failure: unknown) => {
          if (isCurrent) setError(HypnosError.from(failure).toCoded());
        },
      );
    }, TYPING_PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [query, documents]);

  if (error) return <ErrorNotice error={error} />;
  if (hits === null) return <p className={styles.note}>{t('search.working')}</p>;
  return (
    <section aria-label={t('search.hits')}>
      <p role="status" className={hits.length > 0 ? 'visually-hidden' : styles.note}>
        {hits.length > 0
          ? t('search.count', { total: hits.length })
          : `${t('search.none', { query })}${t('search.hint')}`}
      </p>
      <ul className={styles.hits} onKeyDown={moveFocus}>
        {hits.map((hit) => (
          <Hit key={hit.passage.id} hit={hit} />
        ))}
      </ul>
    </section>
  );
}

function Hit({ hit }: { readonly hit: LibraryHit }) {
  const { t } = useTranslation('library');
  const { passage } = hit;
  const { anchor } = passage;
  const shown = excerptAround(passage.text, hit.marks);
  return (
    <li>
      <Link href={placeOf(anchor)} className={styles.hit} data-library-hit>
        <span className={styles.hitHead}>
          <b>{passage.title}</b>
          {passage.heading && <span>{passage.heading}</span>}
          <Pill className={styles.origin}>
            {anchor.kind === 'document' && anchor.page !== null
              ? t('page', { page: anchor.page })
              : t(`origin.${anchor.kind}`)}
          </Pill>
        </span>
        <span className={styles.hitText}>
          {markExcerpt(shown.text, shown.marks).map((part, index) =>
            part.isMatch ? <mark key={index}>{part.text}</mark> : part.text,
          )}
        </span>
      </Link>
    </li>
  );
}

function moveFocus(event: KeyboardEvent<HTMLElement>) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || event.altKey) return;
  event.preventDefault();
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-library-hit]')];
  const next = links.findIndex((link) => link === document.activeElement) + step;
  if (next < 0) document.getElementById(LIBRARY_SEARCH_ID)?.focus();
  else links[Math.min(next, links.length - 1)]?.focus();
}
