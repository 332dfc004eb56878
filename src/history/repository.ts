/**
 * The history's repository (see types.ts for its surface): every write one transaction, every failure a code.
 */
import { Dexie } from 'dexie';
import { HypnosError } from '../shared/errors.ts';
import type {
  AnswerSources,
  Conversation,
  ConversationId,
  Message,
  MessageId,
  Timestamp,
} from '../shared/types.ts';
import { HistoryConnection } from './connection.ts';
import type { ConversationRow, HistoryDatabase, MessageRow } from './db.ts';
import { AnswerLocks } from './locks.ts';
import { clampSampling } from './sampling.ts';
import { SearchIndex, containsAll, excerptOf, normalise, queryTerms } from './search.ts';
import { titleFrom } from './thread.ts';
import type { HistoryRepository, HistoryStatus, NewConversation, NewQuestion, SearchHit } from './types.ts';

export interface HistoryPorts {
  /** `navigator.locks`. */
  readonly locks: Pick<LockManager, 'request'> | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => Timestamp;
  /** Tests keep several databases side by side. */
  readonly databaseName?: string;
}

export function openHistory(ports: HistoryPorts): HistoryRepository {
  return new DexieHistory(ports);
}

const DEFAULT_SEARCH_LIMIT = 50;
/** Rows read at a time while the index is built: each page a few milliseconds of the main thread. */
const INDEX_PAGE = 400;

/** A lone surrogate would not survive an export; IndexedDB keeps it, UTF-8 does not. */
const wellFormed = (text: string) => text.replace(/\p{Surrogate}/gu, '\ufffd');

class DexieHistory implements HistoryRepository {
  readonly #connection: HistoryConnection;
  readonly #locks: AnswerLocks;
  readonly #now: () => Timestamp;
  readonly #index = new SearchIndex();
  #indexedRevision = 0;
  /** How often the database was replaced by an empty one. */
  #resets = 0;
  #indexing: Promise<void> = Promise.resolve();

  constructor(ports: HistoryPorts) {
    this.#connection = new HistoryConnection(ports.databaseName);
    this.#locks = new AnswerLocks(ports.locks);
    this.#now = ports.now ?? Date.now;
    this.#connection.onReset(() => {
      this.#resets += 1;
      this.#index.clear();
      this.#indexedRevision = 0;
    });
  }

  // Conversations

  createConversation(initial: NewConversation = {}): Promise<Conversation> {
    return this.#connection.run(async (database) => {
      const conversation = this.#newConversation(initial);
      await database.conversations.add(conversation);
      return conversation;
    });
  }

  getConversation(id: ConversationId): Promise<Conversation | undefined> {
    return this.#connection.run((database) => readConversation(database, id));
  }

  async updateConversation(
    id: ConversationId,
    change: Parameters<HistoryRepository['updateConversation']>[1],
  ): Promise<void> {
    const { title, draft, systemPrompt, sampling } = change;
    await this.#connection.run(({ conversations }) =>
      conversations.update(id, {
        ...change,
        ...(title === undefined ? {} : { title: wellFormed(title) }),
        ...(draft === undefined ? {} : { draft: wellFormed(draft) }),
        ...(systemPrompt == null ? {} : { systemPrompt: wellFormed(systemPrompt) }),
        ...(sampling == null ? {} : { sampling: clampSampling(sampling) }),
      }),
    );
  }

  watchConversations(
    listener: (list: readonly Conversation[]) => void,
    onError: (error: HypnosError) => void,
  ): () => void {
    return this.#connection.watch(
      // One getAll and a sort in memory: a cursor over an index costs an event per row.
      async ({ conversations }) => {
        const rows = await conversations.toArray();
        return rows.filter(({ deletedAt }) => deletedAt === null).sort(byPinThenNewest);
      },
      listener,
      onError,
    );
  }

  watchConversation(
    id: ConversationId,
    listener: (conversation: Conversation | undefined) => void,
    onError: (error: HypnosError) => void,
  ): () => void {
    return this.#connection.watch((database) => readConversation(database, id), listener, onError);
  }

  watchMessages(
    id: ConversationId,
    listener: (messages: readonly Message[]) => void,
    onError: (error: HypnosError) => void,
  ): () => void {
    return this.#connection.watch((database) => readMessages(database, id), listener, onError);
  }

  watchStatus(listener: (status: HistoryStatus) => void): () => void {
    return this.#connection.onStatus(listener);
  }

  getMessages(id: ConversationId): Promise<readonly Message[]> {
    return this.#connection.run((database) => readMessages(database, id));
  }

  // Questions and answers

  async ask(
    question: NewQuestion,
    answer: Pick<Message, 'model'>,
  ): Promise<{ question: Message; answer: Message }> {
    const answerId = crypto.randomUUID();
    return this.#holding(answerId, () =>
      this.#write(async (database, rev) => {
        const conversation =
          question.conversationId === null
            ? this.#newConversation(question.conversation ?? {})
            : await requireConversation(database, question.conversationId);
        const parent = question.parentId === null ? null : await requireMessage(database, question.parentId);
        if (parent && (parent.conversationId !== conversation.id || parent.role !== 'assistant'))
          throw new HypnosError('unknown', { message: `${parent.id} is no answer of ${conversation.id}` });
        const text = wellFormed(question.text);
        const asked: MessageRow = {
          ...blankMessage(conversation.id, parent?.id ?? null, 'user', this.#after(parent)),
          text,
          rev,
        };
        const answered = this.#openAnswer(answerId, asked, answer, rev);
        await database.messages.bulkAdd([asked, answered]);
        await database.conversations.put({
          ...conversation,
          title: conversation.title === '' ? titleFrom(text) : conversation.title,
          updatedAt: answered.createdAt,
          activeLeafId: answered.id,
          draft: wellFormed(question.draft ?? ''),
          deletedAt: null,
        });
        if (question.conversationId === null) await database.meta.delete('newDraft');
        return { question: toMessage(asked), answer: toMessage(answered) };
      }),
    );
  }

  async startAnswer(questionId: MessageId, answer: Pick<Message, 'model'>): Promise<Message> {
    const answerId = crypto.randomUUID();
    return this.#holding(answerId, () =>
      this.#write(async (database, rev) => {
        const question = await requireMessage(database, questionId);
        if (question.role !== 'user')
          throw new HypnosError('unknown', { message: `${questionId} is no question` });
        const row = this.#openAnswer(answerId, question, answer, rev);
        await database.messages.add(row);
        await database.conversations.update(question.conversationId, {
          activeLeafId: row.id,
          updatedAt: row.createdAt,
        });
        return toMessage(row);
      }),
    );
  }

  async resumeAnswer(id: MessageId, author: Pick<Message, 'model'>): Promise<Message> {
    return this.#holding(id, () =>
      this.#write(async (database, rev) => {
        const row = await requireMessage(database, id);
        if (row.role !== 'assistant') throw new HypnosError('unknown', { message: `${id} is no answer` });
        const model = bothAuthors(row.model, author.model);
        const reopened: MessageRow = { ...row, model, finishReason: null, errorCode: null, open: 1, rev };
        await database.messages.put(reopened);
        await database.conversations.update(row.conversationId, { updatedAt: this.#now() });
        return toMessage(reopened);
      }),
    );
  }

  writeAnswerText(id: MessageId, text: string): Promise<boolean> {
    return this.#write(async ({ messages }, rev) => {
      const changed = await messages.update(id, { text: wellFormed(text), rev });
      return changed === 1;
    });
  }

  writeAnswerSources(id: MessageId, sources: AnswerSources): Promise<boolean> {
    return this.#write(async ({ messages }, rev) => (await messages.update(id, { sources, rev })) === 1);
  }

  async finishAnswer(
    id: MessageId,
    final: Parameters<HistoryRepository['finishAnswer']>[1],
  ): Promise<boolean> {
    const stored = await this.#write(async (database, rev) => {
      const row = await database.messages.get(id);
      if (!row) return false;
      await database.messages.put(closedRow({ ...row, ...final, text: wellFormed(final.text), rev }));
      await database.conversations.update(row.conversationId, { updatedAt: this.#now() });
      return true;
    });
    // Not released when the write failed: the answer is still this tab's to finish.
    this.#locks.release(id);
    return stored;
  }

  async closeInterruptedAnswers(): Promise<number> {
    const open = await this.#connection.run(({ messages }) => messages.where('open').equals(1).primaryKeys());
    let closed = 0;
    for (const id of open) {
      await this.#locks.ifOrphaned(id, async () => {
        await this.#write(async ({ messages }, rev) => {
          const row = await messages.get(id);
          // Its writer may have finished it between the query and the lock.
          if (row?.open !== 1) return;
          await messages.put(closedRow({ ...row, finishReason: 'interrupted', rev }));
          closed += 1;
        });
      });
    }
    return closed;
  }

  // Deletion

  async deleteConversation(id: ConversationId): Promise<void> {
    await this.#connection.run(({ conversations }) => conversations.update(id, { deletedAt: this.#now() }));
  }

  async restoreConversation(id: ConversationId): Promise<void> {
    await this.#connection.run(({ conversations }) => conversations.update(id, { deletedAt: null }));
  }

  purgeConversation(id: ConversationId): Promise<void> {
    return this.#purge(async ({ conversations }) => {
      const found = await conversations.get(id);
      return found && found.deletedAt !== null ? [id] : [];
    });
  }

  purgeDeleted(olderThan: Timestamp): Promise<void> {
    return this.#purge(({ conversations }) =>
      conversations.where('deletedAt').below(olderThan).primaryKeys(),
    );
  }

  async #purge(choose: (database: HistoryDatabase) => PromiseLike<ConversationId[]>): Promise<void> {
    await this.#connection.run((database) =>
      database.transaction('rw', database.conversations, database.messages, async () => {
        const doomed = await choose(database);
        for (const id of doomed) await ofConversation(database, id).delete();
        await database.conversations.bulkDelete(doomed);
      }),
    );
  }

  async eraseEverything(): Promise<void> {
    this.#locks.releaseAll();
    await this.#connection.erase();
  }

  // Search

  prepareSearch(): Promise<void> {
    return this.#connection.run((database) => this.#refreshIndex(database));
  }

  async search(query: string, options: { readonly limit?: number } = {}): Promise<readonly SearchHit[]> {
    const terms = queryTerms(query);
    const limit = options.limit ?? DEFAULT_SEARCH_LIMIT;
    if (terms.length === 0 || limit < 1) return [];
    return this.#connection.run(async (database) => {
      await this.#refreshIndex(database);
      const rows = await database.conversations.toArray();
      const conversations = new Map(
        rows.filter(({ deletedAt }) => deletedAt === null).map((row) => [row.id, row]),
      );
      const hits: SearchHit[] = [...conversations.values()]
        .filter(({ title }) => containsAll(normalise(title), terms))
        .sort((a, b) => b.updatedAt - a.updatedAt)
        .slice(0, limit)
        .map(({ id, title, updatedAt }) => ({
          conversationId: id,
          messageId: null,
          role: null,
          title,
          ...excerptOf(title, terms),
          createdAt: updatedAt,
        }));
      const wanted: MessageId[] = [];
      for (const { id, conversationId } of this.#index.find(terms)) {
        if (hits.length + wanted.length >= limit) break;
        if (conversations.has(conversationId)) wanted.push(id);
      }
      for (const [position, message] of (await database.messages.bulkGet(wanted)).entries()) {
        const conversation = message && conversations.get(message.conversationId);
        if (!conversation) {
          this.#index.delete(wanted[position] ?? '');
          continue;
        }
        hits.push({
          conversationId: conversation.id,
          messageId: message.id,
          role: message.role,
          title: conversation.title,
          ...excerptOf(message.text, terms),
          createdAt: message.createdAt,
        });
      }
      return hits;
    });
  }

  /** Reads what was written since the last look, by this tab or another: usually nothing. */
  #refreshIndex(database: HistoryDatabase): Promise<void> {
    const refresh = async () => {
      for (;;) {
        const changed = await database.messages
          .where('rev')
          .above(this.#indexedRevision)
          .limit(INDEX_PAGE + 1)
          .toArray();
        if (changed.length <= INDEX_PAGE) {
          for (const row of changed) this.#index.put(row);
          this.#indexedRevision = changed.at(-1)?.rev ?? this.#indexedRevision;
          return;
        }
        await this.#scanMessages(database);
      }
    };
    // One at a time: two runs over the same pages would only repeat each other.
    this.#indexing = this.#indexing.then(refresh, refresh);
    return this.#indexing;
  }

  /**
   * Reads every message, by id: an import is one revision of any size, which the index over revisions cannot page.
   * What is written meanwhile has a later revision than the one noted first, and is read again.
   */
  async #scanMessages(database: HistoryDatabase): Promise<void> {
    const last = await database.meta.get('revision');
    const resets = this.#resets;
    for (let after: MessageId = ''; ;) {
      const page = await database.messages.where(':id').above(after).limit(INDEX_PAGE).toArray();
      if (resets !== this.#resets) return;
      for (const row of page) this.#index.put(row);
      const end = page.at(-1);
      if (page.length < INDEX_PAGE || !end) break;
      after = end.id;
    }
    this.#indexedRevision = typeof last?.value === 'number' ? last.value : 0;
  }

  // Drafts of conversations that do not exist yet

  getNewDraft(): Promise<string> {
    return this.#connection.run(async ({ meta }) => {
      const row = await meta.get('newDraft');
      return typeof row?.value === 'string' ? row.value : '';
    });
  }

  async setNewDraft(text: string): Promise<void> {
    await this.#connection.run<unknown>(({ meta }) =>
      text === '' ? meta.delete('newDraft') : meta.put({ key: 'newDraft', value: wellFormed(text) }),
    );
  }

  // Export and import: loaded when first used

  exportJson(ids?: readonly ConversationId[]): Promise<Blob> {
    return this.#connection.run(async (database) =>
      (await import('./transfer.ts')).exportJson(database, ids, this.#now()),
    );
  }

  exportMarkdown(ids?: readonly ConversationId[]): Promise<Blob> {
    return this.#connection.run(async (database) =>
      (await import('./transfer.ts')).exportMarkdown(database, ids, this.#now()),
    );
  }

  async importJson(file: Blob): ReturnType<HistoryRepository['importJson']> {
    const { parseImport, planImport, applyImport } = await import('./transfer.ts');
    const parsed = await parseImport(file);
    const plan = await planImport(parsed);
    return this.#write((database, rev) => applyImport(database, plan, rev));
  }

  close(): void {
    this.#locks.releaseAll();
    this.#connection.close();
  }

  // Parts

  /** One transaction over everything, with the number under which its messages are marked as changed. */
  #write<Value>(work: (database: HistoryDatabase, rev: number) => Promise<Value>): Promise<Value> {
    return this.#connection.run((database) =>
      database.transaction('rw', database.conversations, database.messages, database.meta, async () => {
        const last = await database.meta.get('revision');
        const rev = (typeof last?.value === 'number' ? last.value : 0) + 1;
        await database.meta.put({ key: 'revision', value: rev });
        return work(database, rev);
      }),
    );
  }

  /** The lock comes before the row: at no moment is there an open answer that looks orphaned. */
  async #holding<Value>(id: MessageId, work: () => Promise<Value>): Promise<Value> {
    await this.#locks.hold(id);
    try {
      return await work();
    } catch (error) {
      this.#locks.release(id);
      throw error;
    }
  }

  /** Now, but after the parent even if the clock was set back: order of creation is order of the tree. */
  #after(parent: Pick<Message, 'createdAt'> | null): Timestamp {
    return parent ? Math.max(this.#now(), parent.createdAt + 1) : this.#now();
  }

  #openAnswer(id: MessageId, question: MessageRow, answer: Pick<Message, 'model'>, rev: number): MessageRow {
    return {
      ...blankMessage(question.conversationId, question.id, 'assistant', this.#after(question)),
      id,
      model: answer.model,
      open: 1,
      rev,
    };
  }

  #newConversation(initial: NewConversation): ConversationRow {
    const now = this.#now();
    return {
      id: crypto.randomUUID(),
      title: wellFormed(initial.title ?? ''),
      createdAt: now,
      updatedAt: now,
      pinned: false,
      deletedAt: null,
      activeLeafId: null,
      systemPrompt: initial.systemPrompt == null ? null : wellFormed(initial.systemPrompt),
      sampling: initial.sampling ? clampSampling(initial.sampling) : null,
      draft: wellFormed(initial.draft ?? ''),
      sources: initial.sources ?? true,
    };
  }
}

function blankMessage(
  conversationId: ConversationId,
  parentId: MessageId | null,
  role: Message['role'],
  createdAt: Timestamp,
): Message {
  return {
    id: crypto.randomUUID(),
    conversationId,
    parentId,
    role,
    text: '',
    createdAt,
    finishReason: null,
    droppedTurns: 0,
    stats: null,
    model: null,
    errorCode: null,
    sources: null,
  };
}

/** Whoever wrote the beginning stays named when another model writes on. */
function bothAuthors(first: Message['model'], next: Message['model']): Message['model'] {
  if (!next || next.id === first?.id) return first;
  if (!first || first.title === next.title || first.title.endsWith(` → ${next.title}`))
    return { id: next.id, title: first?.title ?? next.title };
  return { id: next.id, title: `${first.title} → ${next.title}` };
}

function closedRow({ open: _open, ...row }: MessageRow): MessageRow {
  return row;
}

export function toMessage({ open: _open, rev: _rev, ...message }: MessageRow): Message {
  return message;
}

function ofConversation({ messages }: HistoryDatabase, id: ConversationId) {
  return messages.where('[conversationId+createdAt]').between([id, Dexie.minKey], [id, Dexie.maxKey]);
}

async function readMessages(database: HistoryDatabase, id: ConversationId): Promise<readonly Message[]> {
  return (await ofConversation(database, id).toArray()).map(toMessage);
}

async function readConversation(
  { conversations }: HistoryDatabase,
  id: ConversationId,
): Promise<Conversation | undefined> {
  const found = await conversations.get(id);
  return found?.deletedAt === null ? found : undefined;
}

async function requireConversation(database: HistoryDatabase, id: ConversationId): Promise<ConversationRow> {
  const found = await database.conversations.get(id);
  if (!found) throw new HypnosError('unknown', { message: `no conversation ${id}` });
  return found;
}

async function requireMessage(database: HistoryDatabase, id: MessageId): Promise<MessageRow> {
  const found = await database.messages.get(id);
  if (!found) throw new HypnosError('unknown', { message: `no message ${id}` });
  return found;
}

function byPinThenNewest(a: Conversation, b: Conversation): number {
  return Number(b.pinned) - Number(a.pinned) || b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1);
}
