/**
 * The history's surface. The repository owns the database; nobody else opens it. Every write is one transaction:
 * it is acknowledged only when it is durable.
 */
import type { Conversation, ConversationId, Message, MessageId, Timestamp } from '../shared/types.ts';

export interface NewQuestion {
  readonly conversationId: ConversationId;
  readonly parentId: MessageId | null;
  readonly text: string;
}

export interface SearchHit {
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly title: string;
  /** Text around the first match, and where the match lies in it (UTF-16 offsets). */
  readonly excerpt: string;
  readonly matches: readonly (readonly [start: number, end: number])[];
  readonly createdAt: Timestamp;
}

export interface ImportReport {
  readonly conversationsAdded: number;
  readonly conversationsUnchanged: number;
  /** Same id, other content: kept beside the existing one under a new id. */
  readonly conversationsCopied: number;
  readonly messagesAdded: number;
}

export interface HistoryRepository {
  createConversation(initial?: Partial<Pick<Conversation, 'title' | 'systemPrompt' | 'sampling' | 'draft'>>): Promise<Conversation>;
  getConversation(id: ConversationId): Promise<Conversation | undefined>;
  updateConversation(
    id: ConversationId,
    change: Partial<Pick<Conversation, 'title' | 'pinned' | 'systemPrompt' | 'sampling' | 'draft' | 'activeLeafId'>>,
  ): Promise<void>;
  /** Newest first, pinned before others; deleted ones left out. Live in every tab. */
  watchConversations(listener: (list: readonly Conversation[]) => void): () => void;
  /** All messages of all branches of one conversation, oldest first. Live in every tab. */
  watchMessages(id: ConversationId, listener: (messages: readonly Message[]) => void): () => void;
  getMessages(id: ConversationId): Promise<readonly Message[]>;

  /** Stores the question and an empty answer in one transaction, and makes the answer the active leaf. */
  ask(question: NewQuestion, answer: Pick<Message, 'model'>): Promise<{ question: Message; answer: Message }>;
  /** Another answer to the same question: a sibling branch, made the active leaf. */
  startAnswer(questionId: MessageId, answer: Pick<Message, 'model'>): Promise<Message>;
  /** Called at least once a second while an answer streams. */
  writeAnswerText(id: MessageId, text: string): Promise<void>;
  finishAnswer(id: MessageId, final: Pick<Message, 'text' | 'finishReason' | 'droppedTurns' | 'stats' | 'errorCode'>): Promise<void>;
  /** Answers left streaming by a killed tab become 'interrupted'; ids in `alive` are still being written. */
  closeInterruptedAnswers(alive: ReadonlySet<MessageId>): Promise<number>;

  deleteConversation(id: ConversationId): Promise<void>;
  restoreConversation(id: ConversationId): Promise<void>;
  purgeDeleted(olderThan: Timestamp): Promise<void>;
  search(query: string, options?: { readonly limit?: number }): Promise<readonly SearchHit[]>;

  exportJson(ids?: readonly ConversationId[]): Promise<Blob>;
  exportMarkdown(ids?: readonly ConversationId[]): Promise<Blob>;
  /** Validated whole before anything is written; idempotent. */
  importJson(file: Blob): Promise<ImportReport>;
  /** Deletes the database and all that Hypnos keeps of conversations in this browser. */
  eraseEverything(): Promise<void>;
}
