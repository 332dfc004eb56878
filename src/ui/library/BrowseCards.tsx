import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { CardKind, Library, LibraryCard } from '../../state/library.ts';
import styles from './library.module.css';

/** Every card by kind, folded; what is looked for by name is found by searching. */
export function BrowseCards({ library }: { readonly library: Library }) {
  const { t } = useTranslation('library');
  const kinds = new Map<CardKind, LibraryCard[]>();
  for (const card of library.cards.values()) kinds.set(card.kind, [...(kinds.get(card.kind) ?? []), card]);
  if (kinds.size === 0) return <p className={styles.note}>{t('browse.empty')}</p>;
  return [...kinds].map(([kind, cards]) => (
    <details key={kind} className={styles.kind}>
      <summary>
        {t(`kind.${kind}`)} <small>{cards.length}</small>
      </summary>
      <ul className={styles.cards}>
        {cards.map((card) => (
          <li key={card.id}>
            <Link href={`/library/${card.id}`}>{card.title}</Link>
          </li>
        ))}
      </ul>
    </details>
  ));
}
