/** The list of conversations and what can be done to whole conversations. */
import { createStore } from 'zustand/vanilla';
import { HypnosError } from '../shared/errors.ts';
import type { ConversationId } from '../shared/types.ts';
import type { StorePorts } from './ports.ts';
import { UNDO_MS } from './types.ts';
import type { HistoryActions, HistoryState, HistoryStore } from './types.ts';

/** From the first list to reading the index ahead: the page's start, and that of its model, come first. */
export const PREPARE_SEARCH_AFTER_MS = 10_000;
/** What was deleted by a tab that closed before it could purge. */
const PURGE_AT_START_AFTER_MS = 60_000;

export interface HistoryRoom {
  readonly store: HistoryStore;
  dispose(): void;
}

export interface HistoryHooks {
  /** Called before a conversation goes: what is being written in it must stop. */
  readonly beforeRemove: (id: ConversationId) => Promise<void>;
  readonly beforeErase: () => void;
  readonly afterErase: () => Promise<void>;
}

export function createHistoryRoom(ports: StorePorts, hooks: HistoryHooks): HistoryRoom {
  const { history, clock } = ports;
  let cancelPurge: () => void = () => {};

  const store = createStore<HistoryState & HistoryActions>((set, get) => {
    /** Failures are told in `error`, not thrown at a click handler. */
    const attempt = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        set({ error: HypnosError.from(error).toCoded() });
      }
    };
    const purge = async () => {
      cancelPurge();
      const { undo } = get();
      set({ undo: null });
      if (undo) await attempt(() => history.purgeConversation(undo.id));
    };
    return {
      conversations: [],
      loaded: false,
      undo: null,
      status: 'opening',
      error: null,

      rename: (id, title) => attempt(() => history.updateConversation(id, { title: title.trim() })),
      setPinned: (id, pinned) => attempt(() => history.updateConversation(id, { pinned })),
      remove: (id) =>
        attempt(async () => {
          await purge();
          const title = get().conversations.find((conversation) => conversation.id === id)?.title ?? '';
          await hooks.beforeRemove(id);
          await history.deleteConversation(id);
          set({ undo: { id, title } });
          cancelPurge = clock.after(UNDO_MS, () => void purge());
        }),
      undoRemove: () =>
        attempt(async () => {
          const { undo } = get();
          if (!undo) return;
          cancelPurge();
          await history.restoreConversation(undo.id);
          set({ undo: null });
        }),
      dismissUndo: purge,
      // A failure will show in the search itself.
      prepareSearch: () => history.prepareSearch().catch(() => undefined),
      search: (query) => history.search(query),
      exportJson: (ids) => history.exportJson(ids),
      exportMarkdown: (ids) => history.exportMarkdown(ids),
      importJson: (file) => history.importJson(file),
      eraseEverything: async () => {
        cancelPurge();
        set({ undo: null });
        hooks.beforeErase();
        await history.eraseEverything();
        await hooks.afterErase();
      },
      dismissError: () => {
        set({ error: null });
      },
    };
  });

  const fail = (error: HypnosError) => {
    store.setState({ loaded: true, error: error.toCoded() });
  };
  let cancelPrepare: (() => void) | null = null;
  const stopList = history.watchConversations((conversations) => {
    store.setState({ conversations, loaded: true });
    cancelPrepare ??= clock.after(PREPARE_SEARCH_AFTER_MS, () => void store.getState().prepareSearch());
  }, fail);
  const stopStatus = history.watchStatus((status) => {
    store.setState({ status });
  });
  // After the list: what it shows does not depend on them.
  void history.purgeDeleted(ports.now() - PURGE_AT_START_AFTER_MS).catch(() => undefined);

  return {
    store,
    dispose: () => {
      cancelPurge();
      cancelPrepare?.();
      stopList();
      stopStatus();
    },
  };
}
