/** The nouns that every room shares. No imports from other rooms. */

/** UUID v4 or v7; never reused. */
export type ConversationId = string;
export type MessageId = string;
/** The `id` of a served package's manifest; of an installed one `<id>@<digits of its manifest's hash>`. */
export type PackageId = string;
/** Milliseconds since the Unix epoch. */
export type Timestamp = number;

export type Role = 'system' | 'user' | 'assistant';

/** One turn as the engine sees it. */
export interface ChatTurn {
  readonly role: Role;
  readonly content: string;
}

/** Sampling of one answer; ranges in `SAMPLING_LIMITS`. */
export interface SamplingSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly repetitionPenalty: number;
  /** Tokens an answer may have at most. */
  readonly maxTokens: number;
  /** Fixed for reproducible answers; absent: random. */
  readonly seed?: number;
}

export const SAMPLING_LIMITS = {
  temperature: { min: 0, max: 2, step: 0.05 },
  topP: { min: 0.05, max: 1, step: 0.01 },
  frequencyPenalty: { min: -2, max: 2, step: 0.1 },
  presencePenalty: { min: -2, max: 2, step: 0.1 },
  repetitionPenalty: { min: 1, max: 2, step: 0.01 },
  maxTokens: { min: 16, max: 4096, step: 16 },
  seed: { min: 0, max: 2 ** 31 - 1, step: 1 },
} as const;

export const DEFAULT_SAMPLING: SamplingSettings = {
  temperature: 0.3,
  topP: 0.9,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repetitionPenalty: 1.05,
  maxTokens: 512,
};

/** Why an answer ended. */
export type FinishReason =
  | 'stop' // the model ended it
  | 'length' // maxTokens reached
  | 'context' // the context window is full
  | 'stopped' // the user stopped it
  | 'interrupted' // engine crash, lost device or killed tab: may be continued
  | 'failed';

/** Measured while one answer was generated. */
export interface GenerationStats {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly timeToFirstTokenSeconds: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** A passage of the library that an answer was given beside. */
export interface AnswerPassage {
  /** As it is cited, from 1. */
  readonly number: number;
  /** `<card>#<section>` or `<document>#<ordinal>`. */
  readonly id: string;
  readonly title: string;
  readonly heading: string;
  /** From 1; null where there are no pages. */
  readonly page: number | null;
  readonly origin: 'card' | 'document';
  readonly text: string;
  /** The sentences that speak of the question (UTF-16 offsets into `text`, ascending). */
  readonly quotes: readonly (readonly [start: number, end: number])[];
}

/** What the library had for a question when it was answered; kept with the answer as it was then. */
export interface AnswerSources {
  /** Empty: nothing in the library speaks of it. */
  readonly passages: readonly AnswerPassage[];
  /** The model read them and was told to cite; otherwise they only stand beside its answer. */
  readonly inPrompt: boolean;
  /** Citations of passages that there are not, taken out of the answer. */
  readonly droppedCitations: number;
}

export interface Message {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  /** null for the first message of a conversation; siblings (branches) share a parent. */
  readonly parentId: MessageId | null;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  readonly createdAt: Timestamp;
  /** null for user messages and while the answer streams. */
  readonly finishReason: FinishReason | null;
  /** How many earlier turns were left out of the prompt because the context window was full. */
  readonly droppedTurns: number;
  readonly stats: GenerationStats | null;
  /** Which model wrote it; null for user messages. */
  readonly model: { readonly id: PackageId; readonly title: string } | null;
  /** Set when finishReason is 'failed' or 'interrupted'; null on an interrupted one: its tab was closed or died. */
  readonly errorCode: string | null;
  /** null: not looked for (a question, an answer of an older version, or switched off). */
  readonly sources: AnswerSources | null;
}

export interface Conversation {
  readonly id: ConversationId;
  /** Empty until the first question names it. */
  readonly title: string;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
  readonly pinned: boolean;
  /** Set while deletion can be undone; purged later. */
  readonly deletedAt: Timestamp | null;
  /** The last message of the branch on screen. */
  readonly activeLeafId: MessageId | null;
  /** null: the application's default. */
  readonly systemPrompt: string | null;
  readonly sampling: SamplingSettings | null;
  /** Unsent text of the composer. */
  readonly draft: string;
  /** Whether answers get sources from the library. */
  readonly sources: boolean;
}
