/**
 * React-free stores (zustand vanilla); ui binds to them with hooks and calls their actions.
 *
 * A question's way: composer -> ChatStore.send -> HistoryRepository.ask (durable first) -> EngineClient.generate
 * -> deltas into `streaming` (drawn at once) and into the repository (at least once a second) -> finishAnswer.
 * What is on screen = the repository's messages, with `streaming.text` laid over the message being written.
 */
import type { StoreApi } from 'zustand/vanilla';
import type { EngineState } from '../engine/client/types.ts';
import type { DeviceReport } from '../engine/shared/api.ts';
import type { CodedError } from '../shared/errors.ts';
import type { Conversation, ConversationId, Message, MessageId, PackageId, SamplingSettings } from '../shared/types.ts';

/** One message on the branch on screen, with what its branch switcher needs. */
export interface ThreadItem {
  readonly message: Message;
  /** Ids of the messages with the same parent, in order of creation; this message is one of them. */
  readonly siblings: readonly MessageId[];
}

export interface ChatState {
  readonly conversationId: ConversationId | null;
  readonly conversation: Conversation | null;
  /** Root to active leaf. */
  readonly thread: readonly ThreadItem[];
  /** The answer being written by this tab. */
  readonly streaming: { readonly messageId: MessageId; readonly text: string; readonly waitingForFirstToken: boolean } | null;
  /** Tokens in the context window, as of the last answer; null until known. */
  readonly contextTokens: number | null;
  /** The last action's failure, shown until dismissed. */
  readonly error: CodedError | null;
}

export interface ChatActions {
  /** null: a fresh, unsaved conversation. */
  open(id: ConversationId | null): Promise<void>;
  /** Sends the text; the conversation is created if there is none. Resolves when the question is durable. */
  send(text: string): Promise<void>;
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
  setSystemPrompt(text: string | null): Promise<void>;
  setSampling(sampling: SamplingSettings | null): Promise<void>;
  dismissError(): void;
}
export type ChatStore = StoreApi<ChatState & ChatActions>;

export interface HistoryState {
  readonly conversations: readonly Conversation[];
  readonly loaded: boolean;
  /** The conversation whose deletion can still be undone. */
  readonly undo: { readonly id: ConversationId; readonly title: string } | null;
}
export interface HistoryActions {
  rename(id: ConversationId, title: string): Promise<void>;
  setPinned(id: ConversationId, pinned: boolean): Promise<void>;
  remove(id: ConversationId): Promise<void>;
  undoRemove(): Promise<void>;
}
export type HistoryStore = StoreApi<HistoryState & HistoryActions>;

/** A package served with the page, as its manifest tells it. */
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
  /** Kept for offline use by the service worker. */
  readonly offline: boolean;
}

/** Which tab holds the one engine. */
export type EngineLease = 'held' | 'waiting' | 'unknown';

export interface ModelState {
  readonly packages: readonly PackageSummary[];
  readonly packagesLoaded: boolean;
  readonly defaultId: PackageId | null;
  readonly engine: EngineState;
  readonly lease: EngineLease;
  readonly device: DeviceReport | null;
  readonly error: CodedError | null;
}
export interface ModelActions {
  /** Loads the default package if this tab holds the engine; safe to call again. */
  ensureLoaded(): Promise<void>;
  load(id: PackageId): Promise<void>;
  cancelLoad(): void;
  unload(): Promise<void>;
  setDefault(id: PackageId): void;
  /** Asks the other tab to give up the engine. */
  requestLease(): void;
}
export type ModelStore = StoreApi<ModelState & ModelActions>;

export type Theme = 'system' | 'light' | 'dark';
export type Locale = 'zh-CN' | 'en';

export interface SettingsState {
  readonly locale: Locale;
  readonly theme: Theme;
  readonly sendKey: 'enter' | 'ctrl-enter';
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
