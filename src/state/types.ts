/**
 * React-free stores (zustand vanilla); ui binds to them with hooks and calls their actions.
 *
 * A question's way: composer -> ChatStore.send -> HistoryRepository.ask (durable first) -> EngineClient.generate
 * -> deltas into `streaming` (drawn at once) and into the repository (at least once a second) -> finishAnswer.
 * What is on screen = the repository's messages, with `streaming.text` laid over the message being written.
 */
import type { StoreApi } from 'zustand/vanilla';
import type { EngineState } from '../engine/client/types.ts';
import type { DeviceReport, EnginePreference } from '../engine/shared/api.ts';
import type { CodedError } from '../shared/errors.ts';
import type { HistoryStatus, ImportReport, SearchHit } from '../history/types.ts';
import type { ComparisonStep, EngineComparison } from './comparison.ts';
import type { InstalledRecord, SignatureState } from '../packages/installed.ts';
import type { PackageManifest } from '../packages/manifest.ts';
import type {
  Conversation,
  ConversationId,
  GenerationStats,
  Message,
  MessageId,
  PackageId,
  SamplingSettings,
  Timestamp,
} from '../shared/types.ts';

export type { HistoryStatus, ImportReport, SearchHit } from '../history/types.ts';

/** One message on the branch on screen, with what its branch switcher needs. */
export interface ThreadItem {
  readonly message: Message;
  /** Ids of the messages with the same parent, in order of creation; this message is one of them. */
  readonly siblings: readonly MessageId[];
}

/** The answer being written by this tab, when it is in the conversation on screen. */
export interface Streaming {
  readonly messageId: MessageId;
  /** All of it so far; grows at most once per animation frame. */
  readonly text: string;
  /** True from the question to the first token: loading the model, waiting its turn, reading the prompt. */
  readonly waitingForFirstToken: boolean;
}

export interface ChatState {
  readonly conversationId: ConversationId | null;
  readonly conversation: Conversation | null;
  /**
   * Root to active leaf. Items whose message did not change keep their identity. The text of the message being
   * written lags behind: draw `streaming.text` in its place.
   */
  readonly thread: readonly ThreadItem[];
  /** False until the conversation's messages have been read. */
  readonly loaded: boolean;
  /** An id that is not (or no longer) in the history was opened. */
  readonly missing: boolean;
  readonly streaming: Streaming | null;
  /** The conversation whose answer this tab is writing, on screen or not. */
  readonly answering: ConversationId | null;
  /** The composer's text: set by setDraft, emptied by a successful send, restored on open. */
  readonly draft: string;
  /** Of the conversation on screen, also before it is stored; null: the application's default. */
  readonly systemPrompt: string | null;
  readonly sampling: SamplingSettings | null;
  /** Whether answers of the conversation on screen get sources from the library. */
  readonly sources: boolean;
  /** Finished answers that could not be stored (quota): shown, kept in memory and tried again. */
  readonly unsaved: ReadonlySet<MessageId>;
  /** Tokens in the context window, as of the last answer on the branch; null until known. */
  readonly contextTokens: number | null;
  /** The last action's failure, shown until dismissed. */
  readonly error: CodedError | null;
}

export interface ChatActions {
  /** null: a fresh, unsaved conversation. */
  open(id: ConversationId | null): Promise<void>;
  /**
   * Sends the text; the conversation is created if there is none. Resolves true when the question is durable, false
   * when it was not accepted (blank; or `error` says why, and the draft keeps the text): 'engine-busy' with
   * detail.holder 'this-tab' (an answer is being written in this conversation) or 'another-tab' (that tab has been
   * asked to give the engine up), or a storage code.
   */
  send(text: string): Promise<boolean>;
  stop(): void;
  /** A new sibling answer to the same question. */
  regenerate(answerId: MessageId): Promise<void>;
  /** A new sibling question with its own answer. */
  editAndResend(questionId: MessageId, text: string): Promise<void>;
  /** Goes on where a stopped, interrupted or cut-off answer ended, in the same message. */
  continueAnswer(answerId: MessageId): Promise<void>;
  /** Shows the branch through this message (down to its most recent leaf). */
  selectBranch(messageId: MessageId): Promise<void>;
  setDraft(text: string): void;
  /** System prompt and sampling of this conversation, stored together; null follows the application's. */
  setAnswering(settings: Pick<ChatState, 'systemPrompt' | 'sampling'>): Promise<void>;
  setSources(sources: boolean): Promise<void>;
  dismissError(): void;
}
export type ChatStore = StoreApi<ChatState & ChatActions>;

export interface HistoryState {
  readonly conversations: readonly Conversation[];
  readonly loaded: boolean;
  /** The conversation whose deletion can still be undone. */
  readonly undo: { readonly id: ConversationId; readonly title: string } | null;
  readonly status: HistoryStatus;
  readonly error: CodedError | null;
}
export interface HistoryActions {
  rename(id: ConversationId, title: string): Promise<void>;
  setPinned(id: ConversationId, pinned: boolean): Promise<void>;
  remove(id: ConversationId): Promise<void>;
  undoRemove(): Promise<void>;
  /** Lets go of the undo and removes for good. Happens by itself after UNDO_MS. */
  dismissUndo(): Promise<void>;
  /** Call it when the search field opens: the first search then is as fast as the next. Never rejects. */
  prepareSearch(): Promise<void>;
  search(query: string): Promise<readonly SearchHit[]>;
  /** All conversations when no ids are given. */
  exportJson(ids?: readonly ConversationId[]): Promise<Blob>;
  exportMarkdown(ids?: readonly ConversationId[]): Promise<Blob>;
  /** Rejects with HypnosError ('import-*', 'storage-quota-exceeded'); then nothing was written. */
  importJson(file: Blob): Promise<ImportReport>;
  /** Stops what is being written, then deletes the whole history here and in every tab. */
  eraseEverything(): Promise<void>;
  dismissError(): void;
}
/** How long a deletion can be undone, milliseconds. */
export const UNDO_MS = 10_000;
export type HistoryStore = StoreApi<HistoryState & HistoryActions>;

/** What the models screen tells of a package beyond one line. */
export interface PackageFacts {
  readonly base: string;
  readonly stages: readonly string[];
  /** Versions by tool. */
  readonly builtWith: Readonly<Record<string, string>>;
  readonly libraries: PackageManifest['libraries'];
  readonly evaluation: PackageManifest['evaluation'];
  readonly reviewer: string | null;
  readonly files: PackageManifest['files'];
  /** null: served with the page. */
  readonly installed: {
    /** Every byte against a manifest that came with it; false: a plain folder whose hashes were only computed here. */
    readonly verified: boolean;
    readonly signature: SignatureState;
    readonly source: InstalledRecord['source'];
    readonly installedAt: Timestamp;
  } | null;
}

/** A package served with the page or installed in this browser, as its manifest tells it. */
export interface PackageSummary {
  readonly id: PackageId;
  readonly version: string;
  readonly title: { readonly zh: string; readonly en: string };
  readonly notice: { readonly zh: string; readonly en: string };
  readonly reviewed: boolean;
  readonly architecture: string;
  readonly quantization: string;
  readonly parameters: number;
  readonly contextWindowSize: number;
  readonly bytes: number;
  readonly licence: string;
  readonly data: readonly string[];
  /** Kept for offline use by the service worker, or installed. */
  readonly offline: boolean;
  readonly facts?: PackageFacts;
}

/** Which tab holds the one engine. */
export type EngineLease = 'held' | 'waiting' | 'unknown';

export interface ModelState {
  readonly packages: readonly PackageSummary[];
  readonly packagesLoaded: boolean;
  readonly defaultId: PackageId | null;
  readonly engine: EngineState;
  readonly lease: EngineLease;
  /** Whether a model is to be loaded here; false: none is until somebody asks for one. */
  readonly wanted: boolean;
  /** What ran here last and has been removed since; null again when a model is loaded. */
  readonly missing: PackageSummary | null;
  readonly device: DeviceReport | null;
  readonly error: CodedError | null;
  /** Times that the GPU was lost under the model since it was first loaded. */
  readonly gpuLosses: number;
}
export interface ModelActions {
  /** Loads the default package if this tab holds the engine; safe to call again. */
  ensureLoaded(): Promise<void>;
  /** Once the answers that are being written have ended. */
  load(id: PackageId): Promise<void>;
  /** Of the load that runs; one of a comparison ends that, and what ran before is loaded again. */
  cancelLoad(): void;
  /** At once: answers that are being written or wait are interrupted, and may be continued later. */
  unload(): Promise<void>;
  /** Unloads, then loads the same package again, or the default one where none was loaded: settings of loading changed. */
  reload(): Promise<void>;
  setDefault(id: PackageId): void;
  /** Asks the other tab to give up the engine. */
  requestLease(): void;
  /** Writes a short fixed answer with the model that is loaded and measures it. Rejects with HypnosError. */
  measureSpeed(): Promise<GenerationStats>;
  /**
   * Runs the package that is loaded, or the default one, on both engines and measures them. Rejects with HypnosError:
   * 'engine-busy' where another tab has the engine, 'cancelled'. What ran before is loaded again in any case.
   */
  compareEngines(onStep: (step: ComparisonStep) => void, signal: AbortSignal): Promise<EngineComparison>;
  /** Looks again which packages there are. Never rejects. */
  refreshPackages(): Promise<void>;
  /**
   * Another tab brought packages, or removed these: looks again, once the answers that are being written have ended. What runs
   * or is wanted here and was removed is unloaded and becomes `missing`. Never rejects.
   */
  packagesChanged(removed: readonly PackageId[]): Promise<void>;
}
export type { EngineState } from '../engine/client/types.ts';
export type { ComparisonStep, EngineComparison, EngineTrial } from './comparison.ts';
export type {
  AdapterReport,
  DeviceReport,
  EngineName,
  EnginePreference,
  LoadProgress,
  LoadStage,
} from '../engine/shared/api.ts';
export type ModelStore = StoreApi<ModelState & ModelActions>;

export type Theme = 'system' | 'light' | 'dark';
export type Locale = 'zh-CN' | 'en';

export interface SettingsState {
  readonly locale: Locale;
  readonly theme: Theme;
  readonly sendKey: 'enter' | 'ctrl-enter';
  /** What models run on. */
  readonly engine: EnginePreference;
  readonly systemPrompt: string;
  readonly sampling: SamplingSettings;
}
export interface SettingsActions {
  update(change: Partial<SettingsState>): void;
  reset(): void;
}
export type SettingsStore = StoreApi<SettingsState & SettingsActions>;

export interface Stores {
  readonly chat: ChatStore;
  readonly history: HistoryStore;
  readonly model: ModelStore;
  readonly settings: SettingsStore;
}
