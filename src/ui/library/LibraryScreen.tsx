import '../../i18n/library.ts';
import { useTranslation } from 'react-i18next';
import { ScreenHeader } from '../components/index.ts';
import { CardView } from './CardView.tsx';
import { DocumentView } from './DocumentView.tsx';
import { SearchView } from './SearchView.tsx';

export interface LibraryScreenProps {
  /** A card's or a document's id; null: search and lists. */
  readonly id: string | null;
  /** A card's section, a document's passage. */
  readonly place: string | null;
}

/** Search over cards and documents, a card, or a document. Needs no model. */
export function LibraryScreen({ id, place }: LibraryScreenProps) {
  const { t } = useTranslation('library');
  return (
    <>
      <ScreenHeader title={t('title')} />
      {id === null ? (
        <SearchView />
      ) : id.startsWith('doc-') ? (
        <DocumentView key={id} id={id} place={Number(place ?? 0) || 0} />
      ) : (
        <CardView key={id} id={id} place={place} />
      )}
    </>
  );
}
