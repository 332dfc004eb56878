import { useEffect, useRef, useState } from 'react';
import { Search, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { finderByName, loadCrisisFinder } from '../../state/crises.ts';
import type { Crises, CrisisFinder } from '../../state/crises.ts';
import { IconButton, ScreenHeader } from '../components/index.ts';
import { CrisisRecords } from './CrisisRecords.tsx';
import styles from './crisis.module.css';

interface CrisisListProps {
  readonly crises: Crises;
  /** The address names a card that there is not. */
  readonly isMissing: boolean;
}

export function CrisisList({ crises, isMissing }: CrisisListProps) {
  const { t, i18n } = useTranslation('crisis');
  const [, navigate] = useLocation();
  const [query, setQuery] = useState('');
  const box = useRef<HTMLInputElement>(null);
  const [find, setFind] = useState<CrisisFinder>(() => finderByName(crises.cards));
  useEffect(() => {
    let isCurrent = true;
    loadCrisisFinder(crises).then(
      (finder) => {
        if (isCurrent) setFind(() => finder);
      },
      () => undefined, // names are found without
    );
    return () => {
      isCurrent = false;
    };
  }, [crises]);
  const cards = find(query);
  const { notice } = crises.index;

  return (
    <>
      <ScreenHeader title={t('title')} />
      <div className={styles.scroller}>
        <div className={styles.page}>
          {isMissing && (
            <p role="alert" className={styles.missing}>
              {t('missing')}
            </p>
          )}
          <form
            role="search"
            aria-label={t('all')}
            className={styles.find}
            onSubmit={(event) => {
              event.preventDefault();
              const [first] = cards;
              if (first) navigate(`/crisis/${first.id}`);
            }}
          >
            <Search size={20} aria-hidden />
            <input
              ref={box}
              type="search"
              // The screen is opened to find a card: typing at once is what it is for.
              autoFocus
              autoComplete="off"
              aria-label={t('find')}
              placeholder={t('findHint')}
              value={query}
              onChange={(event) => {
                setQuery(event.target.value);
              }}
            />
            {query && (
              <IconButton
                label={t('clear')}
                tooltip={false}
                onClick={() => {
                  setQuery('');
                  box.current?.focus();
                }}
              >
                <X size={20} aria-hidden />
              </IconButton>
            )}
          </form>
          {cards.length === 0 && <p role="status">{t('none')}</p>}
          <nav aria-label={t('all')} className={styles.cards}>
            {cards.map((card) => (
              <Link key={card.id} href={`/crisis/${card.id}`} className={styles.card}>
                <b lang="zh-CN">{card.title}</b>
                <span lang="en">{card.title_en}</span>
              </Link>
            ))}
          </nav>
          <p className={styles.notice}>{i18n.language === 'en' ? notice.en : notice.zh}</p>
          <CrisisRecords />
        </div>
      </div>
    </>
  );
}
