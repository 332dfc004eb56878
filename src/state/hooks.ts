/** The stores in React: thin bindings, no logic. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type {
  ChatActions,
  ChatState,
  HistoryActions,
  HistoryState,
  ModelActions,
  ModelState,
  SettingsActions,
  SettingsState,
  Stores,
} from './types.ts';

export const StoresContext = createContext<Stores | null>(null);

export function useStores(): Stores {
  const stores = useContext(StoresContext);
  if (!stores) throw new Error('the stores need a StoresContext above');
  return stores;
}

/** Selectors return the same value for the same state: pick a field, do not make an object. */
export function useChat<Selected>(select: (state: ChatState & ChatActions) => Selected): Selected {
  return useStore(useStores().chat, select);
}

export function useHistory<Selected>(select: (state: HistoryState & HistoryActions) => Selected): Selected {
  return useStore(useStores().history, select);
}

export function useModel<Selected>(select: (state: ModelState & ModelActions) => Selected): Selected {
  return useStore(useStores().model, select);
}

export function useSettings<Selected>(
  select: (state: SettingsState & SettingsActions) => Selected,
): Selected {
  return useStore(useStores().settings, select);
}
