import { Scissors } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import styles from './messages.module.css';

/** What the model did not get to read, because the context window was full. */
export function DroppedTurns({ count }: { readonly count: number }) {
  const { t } = useTranslation('chat');
  return (
    <p className={styles.dropped} role="note">
      <Scissors size={14} aria-hidden />
      <span>{t('thread.dropped', { count })}</span>
    </p>
  );
}
