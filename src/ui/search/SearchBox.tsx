import type { KeyboardEvent } from 'react';
import { Search, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { IconButton, Kbd } from '../components/index.ts';
import styles from './SearchBox.module.css';

/** The command that focuses the box finds it by this id. */
export const SEARCH_INPUT_ID = 'search';

export interface SearchBoxProps {
  readonly query: string;
  readonly onQueryChange: (query: string) => void;
  /** The box has the focus: a query will follow. */
  readonly onOpen: () => void;
}

export function SearchBox({ query, onQueryChange, onOpen }: SearchBoxProps) {
  const { t } = useTranslation('history');

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') {
      event.stopPropagation();
      if (query) onQueryChange('');
      else event.currentTarget.blur();
    }
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      const first = document.querySelector<HTMLElement>('[data-hit]');
      if (!first) return;
      event.preventDefault();
      if (event.key === 'Enter') first.click();
      else first.focus();
    }
  }

  return (
    <div role="search" className={styles.box}>
      <Search size={15} aria-hidden />
      <input
        id={SEARCH_INPUT_ID}
        value={query}
        placeholder={t('searchHint')}
        aria-label={t('search')}
        autoComplete="off"
        spellCheck={false}
        maxLength={200}
        onFocus={onOpen}
        onChange={(event) => {
          onQueryChange(event.target.value);
        }}
        onKeyDown={onKeyDown}
      />
      {query ? (
        <IconButton
          label={t('clearSearch')}
          size="s"
          tooltip={false}
          className={styles.clear}
          onClick={() => {
            onQueryChange('');
            document.getElementById(SEARCH_INPUT_ID)?.focus();
          }}
        >
          <X size={14} aria-hidden />
        </IconButton>
      ) : (
        <Kbd keys="mod+alt+f" />
      )}
    </div>
  );
}
