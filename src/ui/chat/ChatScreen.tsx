/**
 * One conversation: header, notice of the model, thread (or the empty screen), composer.
 * Draws what the stores hold and calls their actions; keeps no state of its own beyond what is open on screen.
 */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useRoute } from 'wouter';
import { useChat } from '../../state/hooks.ts';
import { Button, ErrorNotice } from '../components/index.ts';
import { ChatHeader } from './ChatHeader.tsx';
import { Composer, type ComposerHandle } from './Composer.tsx';
import { EmptyState } from './EmptyState.tsx';
import { ModelNotice } from './ModelNotice.tsx';
import { Thread } from './Thread.tsx';
import { preloadMarkdown } from '../markdown/LazyMarkdown.tsx';
import styles from './ChatScreen.module.css';

export function ChatScreen() {
  const conversationId = useChat((state) => state.conversationId);
  const isEmpty = useChat((state) => state.thread.length === 0);
  const loaded = useChat((state) => state.loaded);
  const missing = useChat((state) => state.missing);
  const [, route] = useRoute('/c/:id/:message?');
  const messageId = route?.message ?? null;
  const composer = useRef<ComposerHandle>(null);

  useEffect(preloadMarkdown, []);
  useEffect(() => {
    // Where a keyboard would cover half the screen it waits to be asked for.
    if (messageId === null && matchMedia('(hover: hover) and (pointer: fine)').matches)
      composer.current?.focus();
  }, [conversationId, messageId]);

  if (missing) return <Missing />;
  return (
    <div className={styles.screen}>
      <ChatHeader />
      <ModelNotice />
      {!isEmpty ? (
        <Thread key={conversationId} focusMessageId={messageId} />
      ) : loaded ? (
        <EmptyState onAsk={() => composer.current?.focus()} />
      ) : (
        <div className={styles.pending} />
      )}
      <ActionError />
      <Composer ref={composer} isNew={isEmpty} />
    </div>
  );
}

function ActionError() {
  const { t } = useTranslation();
  const error = useChat((state) => state.error);
  const dismiss = useChat((state) => state.dismissError);
  if (!error) return null;
  return (
    <div className={styles.error}>
      <ErrorNotice
        error={error}
        actions={
          <Button size="s" onClick={dismiss}>
            {t('close')}
          </Button>
        }
      />
    </div>
  );
}

function Missing() {
  const { t } = useTranslation('chat');
  const [, navigate] = useLocation();
  return (
    <div className={styles.missing}>
      <h1>{t('thread.missing')}</h1>
      <p>{t('thread.missingHint')}</p>
      <Button
        variant="primary"
        onClick={() => {
          navigate('/');
        }}
      >
        {t('thread.newChat')}
      </Button>
    </div>
  );
}
