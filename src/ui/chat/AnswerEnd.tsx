import type { ReactNode } from 'react';
import { CirclePause, CircleStop, TriangleAlert, WrapText } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { knownCode } from '../../i18n/errors.ts';
import type { Message } from '../../shared/types.ts';
import { useChat } from '../../state/hooks.ts';
import { Button, ErrorNotice, cx } from '../components/index.ts';
import { canAsk } from './modelStatus.ts';
import { useModelStatus } from './useModelStatus.ts';
import styles from './messages.module.css';

const ICONS: Readonly<Record<string, ReactNode>> = {
  stopped: <CircleStop size={15} aria-hidden />,
  interrupted: <CirclePause size={15} aria-hidden />,
  length: <WrapText size={15} aria-hidden />,
  context: <WrapText size={15} aria-hidden />,
  unsaved: <TriangleAlert size={15} aria-hidden />,
};

/** How an answer ended, where it did not end by itself, and what can be done about it. */
export function AnswerEnd({ message, isLast }: { readonly message: Message; readonly isLast: boolean }) {
  const { t } = useTranslation('chat');
  const continueAnswer = useChat((state) => state.continueAnswer);
  const regenerate = useChat((state) => state.regenerate);
  const isBusy = useChat((state) => state.streaming !== null);
  const isUnsaved = useChat((state) => state.unsaved.has(message.id));
  const isAble = canAsk(useModelStatus());
  const { finishReason, errorCode, text, id } = message;

  // An interrupted one goes on from its very beginning too: nobody wanted it to end.
  const canGoOn = finishReason === 'interrupted' || (finishReason !== 'stop' && text !== '');
  const goOn = isLast && canGoOn && (
    <Button size="s" disabled={isBusy || !isAble} onClick={() => void continueAnswer(id)}>
      {t('answer.continue')}
    </Button>
  );
  return (
    <>
      {finishReason === 'failed' ? (
        <ErrorNotice
          className={styles.failure ?? ''}
          error={{ code: knownCode(errorCode ?? 'generation-failed'), detail: {} }}
          actions={
            isLast && (
              <>
                {goOn}
                <Button size="s" disabled={isBusy || !isAble} onClick={() => void regenerate(id)}>
                  {t('answer.retry')}
                </Button>
              </>
            )
          }
        />
      ) : finishReason && finishReason !== 'stop' ? (
        <p className={cx(styles.end, styles[finishReason])}>
          {ICONS[finishReason]}
          <span>
            {t(
              finishReason === 'interrupted' && text === ''
                ? 'answer.interruptedEmpty'
                : `answer.${finishReason}`,
            )}
          </span>
          {goOn}
        </p>
      ) : (
        text === '' && <p className={styles.end}>{t('answer.empty')}</p>
      )}
      {isUnsaved && (
        <p className={cx(styles.end, styles.unsaved)} role="status">
          {ICONS['unsaved']}
          <span>{t('answer.unsaved')}</span>
        </p>
      )}
    </>
  );
}
