/**
 * What the frame around the screens knows and does: network, offline copies, updates, storage, open panels.
 * src/app makes the store; screens read it with `useShell`.
 */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { StoreApi } from 'zustand/vanilla';
import type { CodedError } from '../shared/errors.ts';
import type { ConversationId, PackageId } from '../shared/types.ts';

/** A package on its way into this browser's offline store. Bytes and seconds; null until known. */
export interface KeepProgress {
  readonly packageId: PackageId;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface StorageState {
  readonly usedBytes: number | null;
  /** What the browser says it would grant: an estimate, not a promise. */
  readonly quotaBytes: number | null;
  /** true: the browser keeps the data under pressure; null: it does not tell. */
  readonly persisted: boolean | null;
  /** The browser was asked and said no. */
  readonly refused: boolean;
}

export interface ShellState {
  readonly online: boolean;
  /** The page is served from this computer, so that it needs no network at all while that server runs. */
  readonly servedLocally: boolean;
  /** The page itself opens without its server; null until the service worker has told. */
  readonly shellKept: boolean | null;
  /** 'ready': a new version waits for the user's word. */
  readonly update: 'none' | 'ready' | 'applying';
  readonly storage: StorageState;
  /** Packages wholly kept for use without a network; null until looked up. */
  readonly keptPackages: ReadonlySet<PackageId> | null;
  readonly keeping: KeepProgress | null;
  /** Why the last attempt to keep a package failed. */
  readonly keepError: { readonly packageId: PackageId; readonly error: CodedError } | null;
  /** The CPU engine's WebAssembly for use without a network; null until looked up. */
  readonly cpuEngine: {
    /** null: not kept. */
    readonly bytes: number | null;
    readonly isBusy: boolean;
    /** It could not be fetched. */
    readonly hasFailed: boolean;
  } | null;
  readonly version: string;

  readonly drawerOpen: boolean;
  readonly sidebarFolded: boolean;
  readonly shortcutsOpen: boolean;
  /** The conversation whose title is being edited in the sidebar. */
  readonly renaming: ConversationId | null;
}

export interface ShellActions {
  keepPackage(id: PackageId): Promise<void>;
  cancelKeeping(): void;
  dropPackage(id: PackageId): Promise<void>;
  refreshCpuEngine(): Promise<void>;
  setCpuEngineKept(keep: boolean): Promise<void>;
  refreshStorage(): Promise<void>;
  /** Asks the browser not to evict what is stored; the answer lands in `storage`. */
  requestPersistence(): Promise<void>;
  applyUpdate(): void;
  /** Removes everything Hypnos keeps in this browser but the open page itself, then starts afresh. */
  eraseEverything(): Promise<void>;
  setDrawerOpen(open: boolean): void;
  setSidebarFolded(folded: boolean): void;
  setShortcutsOpen(open: boolean): void;
  setRenaming(id: ConversationId | null): void;
}

export type ShellStore = StoreApi<ShellState & ShellActions>;

export const ShellContext = createContext<ShellStore | null>(null);

export function useShell<Selected>(select: (state: ShellState & ShellActions) => Selected): Selected {
  const store = useContext(ShellContext);
  if (!store) throw new Error('useShell needs a ShellContext above it');
  return useStore(store, select);
}

/** To be called within the click that keeps something large: some browsers ask the user, and only then. */
export function useProtection(): () => void {
  const isUnprotected = useShell((state) => state.storage.persisted === false);
  const request = useShell((state) => state.requestPersistence);
  return () => {
    if (isUnprotected) void request();
  };
}
