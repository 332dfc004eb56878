/**
 * The history's surface. The repository owns the database; nobody else opens it.
 *
 *   ask(question) ----> question + empty answer stored, durable when the promise resolves
 *   writeAnswerText --> the answer's text so far, at least once a second while it streams
 *   finishAnswer -----> the answer closed with its reason; until then it is "open" and its writer's
 *   closeInterruptedAnswers --> open answers whose writer is gone become 'interrupted'
 *
 * Messages form a tree by `parentId`; a conversation's `activeLeafId` names the branch on screen (`thread.ts`).
 * Every write is one transaction. Every rejection is a HypnosError: 'storage-quota-exceeded' (nothing of that write
 * is stored, everything before it is kept), 'history-newer-version', 'storage-unavailable', or an import's own codes.
 */
import type { HypnosError } from '../shared/errors.ts';
import type {
  AnswerSources,
  Conversation,
  ConversationId,
  Message,
  MessageId,
  Timestamp,
} from '../shared/types.ts';

/** What a conversation may be given at birth. */
export type NewConversation = Partial<
  Pick<Conversation, 'title' | 'systemPrompt' | 'sampling' | 'draft' | 'sources'>
>;

export interface NewQuestion {
  /** null: a new conversation is made in the same transaction, from `conversation`. */
  readonly conversationId: ConversationId | null;
  readonly conversation?: NewConversation;
  /** The answer it follows; null for a conversation's first question (or a branch of it). */
  readonly parentId: MessageId | null;
  readonly text: string;
  /** What the composer holds afterwards; absent: nothing, the question was sent from there. */
  readonly draft?: string;
}

export interface SearchHit {
  readonly conversationId: ConversationId;
  /** null: the conversation's title matched. */
  readonly messageId: MessageId | null;
  readonly role: Message['role'] | null;
  /** The conversation's title. */
  readonly title: string;
  /** Text around the first match, on one line, and where the matches lie in it (UTF-16 offsets, ascending). */
  readonly excerpt: string;
  readonly matches: readonly (readonly [start: number, end: number])[];
  readonly createdAt: Timestamp;
}

export interface ImportReport {
  readonly conversationsAdded: number;
  /** Already here with at least all that the file holds. */
  readonly conversationsUnchanged: number;
  /** Same id, other content: kept beside the existing one under a new id. */
  readonly conversationsCopied: number;
  readonly messagesAdded: number;
}

/**
 * Whether the history can be read and written.
 * 'blocked': an older tab holds the database and must be closed before the upgrade can go on;
 * 'newer-version': another tab or build upgraded it, this page must be reloaded; 'unavailable': private mode or a
 * broken profile.
 */
export type HistoryStatus = 'opening' | 'open' | 'blocked' | 'newer-version' | 'unavailable';

export interface HistoryRepository {
  createConversation(initial?: NewConversation): Promise<Conversation>;
  getConversation(id: ConversationId): Promise<Conversation | undefined>;
  /** A change of the title or the draft does not move the conversation up in the list. */
  updateConversation(
    id: ConversationId,
    change: Partial<
      Pick<
        Conversation,
        'title' | 'pinned' | 'systemPrompt' | 'sampling' | 'draft' | 'activeLeafId' | 'sources'
      >
    >,
  ): Promise<void>;
  /** Newest first, pinned before others; deleted ones left out. Live in every tab. */
  watchConversations(
    listener: (list: readonly Conversation[]) => void,
    onError: (error: HypnosError) => void,
  ): () => void;
  /** undefined: there is no such conversation (any more). Live in every tab. */
  watchConversation(
    id: ConversationId,
    listener: (conversation: Conversation | undefined) => void,
    onError: (error: HypnosError) => void,
  ): () => void;
  /** All messages of all branches of one conversation, parents before children. Live in every tab. */
  watchMessages(
    id: ConversationId,
    listener: (messages: readonly Message[]) => void,
    onError: (error: HypnosError) => void,
  ): () => void;
  watchStatus(listener: (status: HistoryStatus) => void): () => void;
  getMessages(id: ConversationId): Promise<readonly Message[]>;

  /**
   * Stores the question and an empty answer in one transaction, makes the answer the active leaf, sets the draft,
   * and names a nameless conversation after the question.
   */
  ask(question: NewQuestion, answer: Pick<Message, 'model'>): Promise<{ question: Message; answer: Message }>;
  /** Another answer to the same question: a sibling branch, made the active leaf. */
  startAnswer(questionId: MessageId, answer: Pick<Message, 'model'>): Promise<Message>;
  /**
   * Opens a finished answer again, to be written on; its text and figures stay until they are written over. Where another
   * model writes on, the message names both.
   */
  resumeAnswer(id: MessageId, author: Pick<Message, 'model'>): Promise<Message>;
  /** Called at least once a second while an answer streams. False: the message is gone, stop writing it. */
  writeAnswerText(id: MessageId, text: string): Promise<boolean>;
  /** What the library had for the question. False: the message is gone. */
  writeAnswerSources(id: MessageId, sources: AnswerSources): Promise<boolean>;
  /** False: the message is gone (its conversation was purged or everything was erased). */
  finishAnswer(
    id: MessageId,
    final: Pick<Message, 'text' | 'finishReason' | 'droppedTurns' | 'stats' | 'errorCode'> &
      Partial<Pick<Message, 'sources'>>,
  ): Promise<boolean>;
  /**
   * Answers left open by a tab that is gone become 'interrupted'. An open answer's writer holds a Web Lock named
   * after it, which the browser frees when the tab dies; answers still being written, here or in another tab, are
   * left alone. Returns how many were closed.
   */
  closeInterruptedAnswers(): Promise<number>;

  /** Hides it; it can be restored until purged. */
  deleteConversation(id: ConversationId): Promise<void>;
  restoreConversation(id: ConversationId): Promise<void>;
  /** Removes a deleted conversation for good; no-op if it was restored. */
  purgeConversation(id: ConversationId): Promise<void>;
  /** Removes for good what was deleted before that time. */
  purgeDeleted(olderThan: Timestamp): Promise<void>;
  /** Reads the index ahead of the first search, say when the search field opens; what it costs, search need not. */
  prepareSearch(): Promise<void>;
  /** Newest first, titles before messages; every word of the query must occur. Any letter case, width and form. */
  search(query: string, options?: { readonly limit?: number }): Promise<readonly SearchHit[]>;

  /** The composer's text of a conversation that does not exist yet. */
  getNewDraft(): Promise<string>;
  setNewDraft(text: string): Promise<void>;

  /** All conversations when no ids are given; deleted ones and drafts are left out. */
  exportJson(ids?: readonly ConversationId[]): Promise<Blob>;
  exportMarkdown(ids?: readonly ConversationId[]): Promise<Blob>;
  /** Validated whole before anything is written; idempotent; overwrites nothing. */
  importJson(file: Blob): Promise<ImportReport>;
  /**
   * Deletes the database and all that Hypnos keeps of conversations in this browser; other tabs empty too. Nothing can
   * read it any more, but the browser's own files may hold the bytes until it compacts them: against someone who reads
   * the disk, only disk encryption helps.
   */
  eraseEverything(): Promise<void>;
  close(): void;
}
