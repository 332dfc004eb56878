import { useCallback, useId, useImperativeHandle, useLayoutEffect, useRef, type Ref } from 'react';
import { ArrowUp, Square } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat, useSettings } from '../../state/hooks.ts';
import { Button, Kbd } from '../components/index.ts';
import { ContextMeter } from './ContextMeter.tsx';
import { canAsk } from './modelStatus.ts';
import { ModelStatusLine } from './ModelStatusLine.tsx';
import { isSend, keyFacts } from './sendKey.ts';
import { useContextSize, useModelStatus } from './useModelStatus.ts';
import styles from './Composer.module.css';

/** The commands of the shell find the text box by it. */
const COMPOSER_ID = 'composer';

export interface ComposerHandle {
  focus(): void;
}

export interface ComposerProps {
  readonly isNew: boolean;
  readonly ref?: Ref<ComposerHandle>;
}

/** Characters per token of Chinese text, at the least: above this a question certainly does not fit. */
const MIN_CHARACTERS_PER_TOKEN = 1.5;

export function Composer({ isNew, ref }: ComposerProps) {
  const { t } = useTranslation('chat');
  const field = useRef<HTMLTextAreaElement>(null);
  const hintId = useId();
  const draft = useChat((state) => state.draft);
  const setDraft = useChat((state) => state.setDraft);
  const send = useChat((state) => state.send);
  const stop = useChat((state) => state.stop);
  const isStreaming = useChat((state) => state.streaming !== null);
  const isBusyElsewhere = useChat(
    (state) => state.answering !== null && state.answering !== state.conversationId,
  );
  const sendKey = useSettings((state) => state.sendKey);
  const status = useModelStatus();
  const size = useContextSize();
  const canSend = canAsk(status) && !isStreaming && draft.trim() !== '';
  const isTooLong = size !== null && draft.length > size * MIN_CHARACTERS_PER_TOKEN;

  useImperativeHandle(ref, () => ({
    focus: () => {
      field.current?.focus();
    },
  }));
  useGrowingField(field, draft);

  const submit = useCallback((): void => {
    if (canSend) void send(draft.trim());
  }, [canSend, send, draft]);

  const isWaiting = status.kind !== 'ready' && canAsk(status);
  const placeholder = isWaiting
    ? t('composer.placeholderWaiting')
    : t(isNew ? 'composer.placeholderNew' : 'composer.placeholder');
  return (
    <div className={styles.foot}>
      <form
        className={styles.composer}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
        onClick={(event) => {
          if (event.target === event.currentTarget) field.current?.focus();
        }}
      >
        {status.kind !== 'ready' && status.kind !== 'preparing' && (
          <div className={styles.status}>
            <ModelStatusLine status={status} />
          </div>
        )}
        <textarea
          id={COMPOSER_ID}
          ref={field}
          className={styles.field}
          value={draft}
          rows={1}
          aria-label={t('composer.label')}
          aria-describedby={hintId}
          placeholder={placeholder}
          enterKeyHint={sendKey === 'enter' ? 'send' : 'enter'}
          autoComplete="off"
          onChange={(event) => {
            setDraft(event.target.value);
          }}
          onKeyDown={(event) => {
            if (!isSend(keyFacts(event), sendKey)) return;
            event.preventDefault();
            submit();
          }}
        />
        <div className={styles.row}>
          <ContextMeter />
          <span className={styles.hint} id={hintId}>
            {isTooLong
              ? t('composer.tooLong')
              : isBusyElsewhere
                ? t('model.busyElsewhere')
                : t(sendKey === 'enter' ? 'composer.hintEnter' : 'composer.hintCtrlEnter')}
          </span>
          {isStreaming ? (
            <Button
              className={styles.stop}
              icon={<Square size={11} fill="currentColor" aria-hidden />}
              onClick={stop}
            >
              {t('composer.stop')}
              <Kbd keys="escape" className={styles.stopKey} />
            </Button>
          ) : (
            <Button
              type="submit"
              variant="primary"
              aria-label={t('composer.send')}
              title={t('composer.send')}
              disabled={!canSend}
              className={styles.send}
            >
              <ArrowUp size={18} aria-hidden />
            </Button>
          )}
        </div>
      </form>
      <p className={styles.disclaimer}>{t('composer.disclaimer')}</p>
    </div>
  );
}

/** Grows with its text; where the browser cannot do it in CSS, by measuring. */
function useGrowingField(field: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const element = field.current;
    if (!element || globalThis.CSS?.supports?.('field-sizing', 'content')) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}
