import { useTranslation } from 'react-i18next';
import { Button } from '../components/index.ts';
import { titleIn } from './useModelLine.ts';
import { useManager } from './useManager.ts';
import { useOriginLine } from './useOrigin.ts';
import styles from './Leftovers.module.css';

/** What still takes room without being a model: imports that did not end, and removals that can be undone. */
export function Leftovers() {
  const { t, i18n } = useTranslation('manager');
  const pending = useManager((state) => state.pending);
  const removed = useManager((state) => state.removed);
  const isBusy = useManager((state) => state.job !== null);
  const discard = useManager((state) => state.discard);
  const restore = useManager((state) => state.restore);
  const originLine = useOriginLine();
  if (pending.length + removed.length === 0) return null;
  return (
    <ul className={styles.list}>
      {!isBusy &&
        pending.map(({ key, title, source }) => (
          <li key={key} className={styles.item}>
            <div>
              <b>{t('pending.title', { title: titleIn(title, i18n.language) })}</b>
              <p>{t('pending.hint', { source: source.name })}</p>
            </div>
            <Button size="s" onClick={() => void discard(key)}>
              {t('pending.discard')}
            </Button>
          </li>
        ))}
      {removed.map(({ key, title, origin }) => (
        <li key={key} className={styles.item}>
          <div>
            <b>{t('removed.title', { title: titleIn(title, i18n.language) })}</b>
            <p>{originLine(origin)}</p>
            <p>{t('removed.hint')}</p>
          </div>
          <Button size="s" onClick={() => void restore(key)}>
            {t('removed.restore')}
          </Button>
        </li>
      ))}
    </ul>
  );
}
