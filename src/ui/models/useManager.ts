/** The manager's store: made when the models screen first opens, kept while the page lives. */
import { useStore } from 'zustand';
import { useStores } from '../../state/hooks.ts';
import { createManager } from '../../state/manager.ts';
import type { ManagerActions, ManagerState, ManagerStore } from '../../state/manager.ts';
import type { Stores } from '../../state/types.ts';

const managers = new WeakMap<Stores, ManagerStore>();

export function useManagerStore(): ManagerStore {
  const stores = useStores();
  let manager = managers.get(stores);
  if (!manager) {
    manager = createManager(stores.model, new URL('models/', document.baseURI).href);
    managers.set(stores, manager);
  }
  return manager;
}

export function useManager<Selected>(select: (state: ManagerState & ManagerActions) => Selected): Selected {
  return useStore(useManagerStore(), select);
}
