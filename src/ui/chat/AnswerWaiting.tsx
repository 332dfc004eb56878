import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import styles from './messages.module.css';

/** In the place of an answer that has no text yet: what it waits for. */
export function AnswerWaiting({ isMine }: { readonly isMine: boolean }) {
  const { t } = useTranslation('chat');
  const phase = useModel((state) => state.engine.phase);
  const reason = !isMine
    ? t('answer.writing')
    : phase === 'generating'
      ? t('answer.reading')
      : phase === 'ready'
        ? t('answer.waitingTurn')
        : t('answer.waitingModel');
  return (
    <p className={styles.waiting}>
      <span className={styles.dots} aria-hidden>
        <i />
        <i />
        <i />
      </span>
      {reason}
    </p>
  );
}
