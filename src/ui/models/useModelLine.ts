import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';

/** The title in the locale on screen. */
export function titleIn(title: { readonly zh: string; readonly en: string }, locale: string): string {
  return locale === 'en' ? title.en : title.zh;
}

/** One line about the model: its title when it is ready, else what is going on. */
export function useModelLine(): string {
  const { t, i18n } = useTranslation('models');
  const engine = useModel((state) => state.engine);
  switch (engine.phase) {
    case 'ready':
    case 'generating':
      return titleIn(engine.model.title, i18n.language);
    case 'loading':
    case 'recovering': {
      const percent =
        engine.progress.fraction === null ? '' : ` ${Math.round(engine.progress.fraction * 100)}%`;
      return t(`line.${engine.phase}`) + percent;
    }
    case 'failed':
      return t('line.failed');
    case 'idle':
      return t('line.idle');
  }
}
