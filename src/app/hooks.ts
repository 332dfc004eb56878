import { useContext, useEffect, useSyncExternalStore } from 'react';
import { useLocation } from 'wouter';
import { useChat, useStores } from '../state/hooks.ts';
import { ShellContext } from '../ui/shell.ts';
import type { ShellStore } from '../ui/shell.ts';

export function useShellStore(): ShellStore {
  const store = useContext(ShellContext);
  if (!store) throw new Error('useShellStore needs a ShellContext above it');
  return store;
}

export function useMediaQuery(query: string): boolean {
  return useSyncExternalStore(
    (onChange) => {
      const list = matchMedia(query);
      list.addEventListener('change', onChange);
      return () => {
        list.removeEventListener('change', onChange);
      };
    },
    () => matchMedia(query).matches,
  );
}

/** The address leads: it opens the conversation; a conversation born on `/` then gets an address of its own. */
export function useConversationRoute(id: string | null, messageId: string | null): void {
  const { chat } = useStores();
  const [, navigate] = useLocation();

  useEffect(() => {
    const { open, selectBranch } = chat.getState();
    void open(id).then(async () => {
      if (messageId === null || chat.getState().conversationId !== id) return;
      await selectBranch(messageId);
      requestAnimationFrame(() => {
        document.getElementById(`message-${messageId}`)?.scrollIntoView({ block: 'center' });
      });
    });
  }, [chat, id, messageId]);

  useEffect(() => {
    if (id !== null) return;
    return chat.subscribe((now, before) => {
      if (before.conversationId === null && now.conversationId !== null) {
        navigate(`/c/${now.conversationId}`, { replace: true });
      }
    });
  }, [chat, id, navigate]);
}

/** The tab's name: what is being talked about. */
export function useDocumentTitle(): void {
  const title = useChat((state) => state.conversation?.title ?? '');
  const [location] = useLocation();
  const isOnChat = location === '/' || location.startsWith('/c/');
  useEffect(() => {
    document.title = isOnChat && title ? `${title} · Hypnos` : 'Hypnos';
  }, [isOnChat, title]);
}
