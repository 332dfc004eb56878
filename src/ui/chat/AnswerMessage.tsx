import { lazy, memo, Suspense, useDeferredValue, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useChat } from '../../state/hooks.ts';
import { citable, withoutOpenCitation } from '../../shared/citations.ts';
import type { Message } from '../../shared/types.ts';
import type { ThreadItem } from '../../state/types.ts';
import { Pill } from '../components/index.ts';
import { CitationContext } from '../markdown/citationContext.ts';
import { Markdown } from '../markdown/LazyMarkdown.tsx';
import { sourceElementId } from '../library/sourceId.ts';
import { AnswerEnd } from './AnswerEnd.tsx';
import { AnswerFooter } from './AnswerFooter.tsx';
import { AnswerWaiting } from './AnswerWaiting.tsx';
import { DroppedTurns } from './DroppedTurns.tsx';
import styles from './messages.module.css';

const AnswerSources = lazy(async () => ({
  default: (await import('../library/AnswerSources.tsx')).AnswerSources,
}));

export interface AnswerMessageProps {
  readonly item: ThreadItem;
  readonly isLast: boolean;
}

export const AnswerMessage = memo(function AnswerMessage({ item, isLast }: AnswerMessageProps) {
  const { t } = useTranslation('chat');
  const { message } = item;
  const streamed = useChat(({ streaming }) => (streaming?.messageId === message.id ? streaming.text : null));
  const isMine = streamed !== null;
  // Frames that a slow device cannot draw in time are left out, not queued.
  const lagging = useDeferredValue(streamed);
  const text = streamed === null ? message.text : (lagging ?? streamed);
  // Open and not ours: another tab is writing it.
  const isGrowing = isMine || message.finishReason === null;
  const targets = useCitationTargets(message);
  const shown = isGrowing && message.sources ? withoutOpenCitation(text) : text;

  return (
    <article
      id={`message-${message.id}`}
      className={styles.answer}
      aria-label={t('thread.answer')}
      aria-busy={isGrowing}
    >
      {message.droppedTurns > 0 && <DroppedTurns count={message.droppedTurns} />}
      <div className={styles.who}>
        <h2 translate="no">Hypnos</h2>
        <Pill tone="accent" className={styles.aiLabel}>
          {t('aiLabel')}
        </Pill>
        {message.model && <span className={styles.model}>{message.model.title}</span>}
      </div>
      <CitationContext value={targets}>
        {text !== '' && <Markdown text={shown} streaming={isGrowing} />}
      </CitationContext>
      {isGrowing && text === '' && <AnswerWaiting isMine={isMine} />}
      {message.sources && (
        <Suspense>
          <AnswerSources messageId={message.id} sources={message.sources} text={text} />
        </Suspense>
      )}
      {!isGrowing && (
        <>
          <AnswerEnd message={message} isLast={isLast} />
          <AnswerFooter item={item} />
        </>
      )}
    </article>
  );
});

/** Only what the model was given may be cited; without sources, brackets are text. */
function useCitationTargets({ id, sources }: Message) {
  return useMemo(() => {
    if (!sources) return null;
    return {
      numbers: citable(sources),
      open: (number: number) => {
        const source = document.getElementById(sourceElementId(id, number));
        source?.closest('details')?.setAttribute('open', '');
        source?.scrollIntoView({ block: 'nearest' });
        source?.focus();
      },
    };
  }, [id, sources]);
}
