import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { ArrowDown } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { MessageId } from '../../shared/types.ts';
import { useChat } from '../../state/hooks.ts';
import { Button, cx } from '../components/index.ts';
import { LinkGuard } from '../markdown/LinkGuard.tsx';
import { AnswerMessage } from './AnswerMessage.tsx';
import { QuestionMessage } from './QuestionMessage.tsx';
import { useStickToBottom } from './useStickToBottom.ts';
import styles from './Thread.module.css';
import messageStyles from './messages.module.css';

/** Messages drawn at first, and with every wish for more. */
const PAGE = 40;

export interface ThreadProps {
  /** A message to be shown instead of the end: a search hit. */
  readonly focusMessageId: MessageId | null;
}

/** The branch on screen. One instance per conversation. */
export function Thread({ focusMessageId }: ThreadProps) {
  const { t } = useTranslation('chat');
  const thread = useChat((state) => state.thread);
  const streamingId = useChat((state) => state.streaming?.messageId ?? null);
  const [shown, setShown] = useState(PAGE);
  const { scroller, content, isFar, toEnd, letGo } = useStickToBottom();
  const first = useFirstShown(
    thread.length,
    shown,
    thread.findIndex((item) => item.message.id === focusMessageId),
  );

  // A question was asked here: the reader wants to see its answer, wherever they were.
  useEffect(() => {
    if (streamingId !== null) toEnd();
  }, [streamingId, toEnd]);

  useFocusMessage(focusMessageId, letGo);

  // More above: what is on screen stays where it is.
  const before = useRef<{ height: number; top: number } | null>(null);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || !before.current) return;
    element.scrollTop = before.current.top + element.scrollHeight - before.current.height;
    before.current = null;
  }, [first, scroller]);

  return (
    <LinkGuard>
      <div className={styles.frame}>
        <div
          ref={scroller}
          className={styles.scroller}
          role="region"
          aria-label={t('thread.label')}
          tabIndex={0}
        >
          <div ref={content} className={styles.content}>
            {first > 0 && (
              <Button
                size="s"
                className={styles.earlier}
                onClick={() => {
                  const element = scroller.current;
                  if (element) before.current = { height: element.scrollHeight, top: element.scrollTop };
                  letGo();
                  setShown((count) => count + PAGE);
                }}
              >
                {t('thread.earlier', { count: first })}
              </Button>
            )}
            {thread
              .slice(first)
              .map((item, index) =>
                item.message.role === 'user' ? (
                  <QuestionMessage key={item.message.id} item={item} />
                ) : (
                  <AnswerMessage
                    key={item.message.id}
                    item={item}
                    isLast={first + index === thread.length - 1}
                  />
                ),
              )}
          </div>
        </div>
        <Button
          size="s"
          icon={<ArrowDown size={15} aria-hidden />}
          className={cx(styles.latest, isFar && styles.latestShown)}
          tabIndex={isFar ? 0 : -1}
          aria-hidden={!isFar}
          onClick={() => {
            toEnd('smooth');
          }}
        >
          {t('thread.latest')}
        </Button>
        <Announcer />
      </div>
    </LinkGuard>
  );
}

/** The first message drawn: a page from the end, but not after one that is looked for. */
function useFirstShown(length: number, shown: number, target: number): number {
  const fromEnd = Math.max(0, length - shown);
  return target === -1 ? fromEnd : Math.min(fromEnd, Math.max(0, target - 2));
}

function useFocusMessage(id: MessageId | null, letGo: () => void): void {
  const isThere = useChat((state) => id !== null && state.thread.some((item) => item.message.id === id));
  const loaded = useChat((state) => state.loaded);
  const selectBranch = useChat((state) => state.selectBranch);
  const asked = useRef<MessageId | null>(null);

  useEffect(() => {
    if (id === null || !loaded) return;
    if (!isThere) {
      // On another branch, if anywhere; asked for once, it may not exist.
      if (asked.current !== id) void selectBranch(id);
      asked.current = id;
      return;
    }
    letGo();
    const element = document.getElementById(`message-${id}`);
    element?.scrollIntoView({ block: 'start' });
    element?.classList.add(messageStyles['target'] ?? '');
  }, [id, isThere, loaded, selectBranch, letGo]);
}

/** Tells assistive technology that an answer began and ended; the text itself is there to be read, not shouted. */
function Announcer() {
  const { t } = useTranslation('chat');
  const isStreaming = useChat((state) => state.streaming !== null);
  const [text, setText] = useState('');
  const wasStreaming = useRef(isStreaming);

  useEffect(() => {
    if (wasStreaming.current === isStreaming) return;
    wasStreaming.current = isStreaming;
    setText(isStreaming ? t('answer.announceStart') : t('answer.announceDone'));
  }, [isStreaming, t]);
  return (
    <div role="status" aria-live="polite" className="visually-hidden">
      {text}
    </div>
  );
}
