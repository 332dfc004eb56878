import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';
import { openDocuments } from '../../state/library.ts';
import type { Documents, DocumentsState } from '../../state/library.ts';

const NOTHING = createStore<DocumentsState>(() => ({
  documents: [],
  loaded: false,
  imports: [],
  failures: [],
}));

/** The documents' state and actions; null until their chunk is there. */
export function useDocuments(): { readonly state: DocumentsState; readonly actions: Documents | null } {
  const [actions, setActions] = useState<Documents | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void openDocuments().then((opened) => {
      if (isCurrent) setActions(opened);
    });
    return () => {
      isCurrent = false;
    };
  }, []);
  return { state: useStore(actions?.store ?? NOTHING), actions };
}
