/** Which copy of a model is meant: packages of one title may come with the page and be imported, in several versions. */
import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import type { PackageFacts, PackageSummary } from '../../state/types.ts';
import { titleIn } from './useModelLine.ts';

export interface OriginFacts {
  readonly version: string;
  /** null: served with the page. */
  readonly installed: Pick<NonNullable<PackageFacts['installed']>, 'source' | 'installedAt'> | null;
}

export const originOf = ({ version, facts }: PackageSummary): OriginFacts => ({
  version,
  installed: facts?.installed ?? null,
});

/** Where a copy comes from, since when it is here, and its version, in one line. */
export function useOriginLine(): (origin: OriginFacts) => string {
  const { t, i18n } = useTranslation('manager');
  return ({ version, installed }) =>
    installed
      ? t(`origin.${installed.source.kind}`, {
          name: installed.source.name,
          date: dateIn(i18n.language, installed.installedAt),
          version,
        })
      : t('origin.served', { version });
}

/** The title; with a word on its origin where another package has the same one, or where it is no longer here. */
export function useName(): (summary: PackageSummary) => string {
  const { t, i18n } = useTranslation('models');
  const packages = useModel((state) => state.packages);
  return (summary) => {
    const title = titleIn(summary.title, i18n.language);
    const isAlone = packages.every(
      (other) => other.id === summary.id || titleIn(other.title, i18n.language) !== title,
    );
    if (isAlone && packages.some(({ id }) => id === summary.id)) return title;
    const { installed } = originOf(summary);
    const date = installed && dateIn(i18n.language, installed.installedAt);
    return t('named', { title, origin: date === null ? t('origin.served') : t('origin.imported', { date }) });
  };
}

const dateIn = (locale: string, at: number): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(at);
