/** All stores, wired to each other and to the world. */
import { createChatRoom } from './chat.ts';
import { createHistoryRoom } from './history.ts';
import { createModelRoom } from './model.ts';
import type { ModelRoom } from './model.ts';
import type { StorePorts } from './ports.ts';
import { createSettingsStore } from './settings.ts';
import type { Stores } from './types.ts';

export { browserPorts } from './browser.ts';
export type { StorePorts } from './ports.ts';
export type * from './types.ts';

export interface StoresHandle extends Stores {
  /** Stops answers, lets go of the engine's lease, the watchers and the database. */
  dispose(): void;
}

export function createStores(ports: StorePorts): StoresHandle {
  const settings = createSettingsStore(ports.storage);
  // Each needs the other: an answer waits for the model, the model's lease for the answers to end.
  const modelRoom = (): ModelRoom => model;
  const chat = createChatRoom(ports, modelRoom, settings);
  const model = createModelRoom(ports, chat);
  const history = createHistoryRoom(ports, {
    beforeRemove: async (id) => {
      chat.interruptAll(id);
      if (chat.store.getState().conversationId === id) await chat.store.getState().open(null);
    },
    beforeErase: () => {
      chat.interruptAll();
    },
    afterErase: async () => {
      chat.store.getState().setDraft('');
      await chat.store.getState().open(null);
    },
  });

  const closeInterrupted = () => {
    // A failure here shows in the list's own reading of the same database.
    ports.history.closeInterruptedAnswers().catch(() => undefined);
  };
  closeInterrupted();
  // The engine came free, perhaps because its tab ended in the middle of an answer.
  const stopLease = model.store.subscribe((now, before) => {
    if (now.lease === 'held' && before.lease !== 'held') closeInterrupted();
  });

  return {
    chat: chat.store,
    history: history.store,
    model: model.store,
    settings,
    dispose: () => {
      stopLease();
      chat.dispose();
      model.dispose();
      history.dispose();
      ports.engine.dispose();
      ports.history.close();
    },
  };
}
