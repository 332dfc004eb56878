/**
 * The history's database: tables, indexes, versions.
 *
 *   conversations  one row each, small; the list on screen reads this table only
 *   messages       one row per question or answer; read by conversation, by revision (search) or when open
 *   meta           'revision': number of the last write that touched messages; 'newDraft': composer of a new chat
 *
 * FROZEN: the database's name, and the stores and upgrades of every version below, exist in people's browsers.
 * Never edit a version that has been released. Add a new one with its upgrade, a fixture of the version it leaves
 * behind (tests/fixtures/history) and a line here:
 *   1  a conversation was a flat list of messages ordered by `position`
 *   2  messages form a tree (parentId, activeLeafId), carry how an answer ended, `open` marks an unfinished one;
 *      deletion that can be undone, pins, drafts, settings per conversation
 *   3  `rev` tells the search index what changed since it last looked; meta
 *   4  answers keep the sources they were given beside; a conversation may do without
 */
import { Dexie } from 'dexie';
import type { Table, Transaction } from 'dexie';
import type { Conversation, Message } from '../shared/types.ts';

export const DATABASE_NAME = 'hypnos-history';
export const DATABASE_VERSION = 4;

export type ConversationRow = Conversation;

export interface MessageRow extends Message {
  /** 1 while the answer is being written; absent otherwise, so that the index holds open answers only. */
  readonly open?: 1;
  /** The write that changed it last; rows of one transaction share it. */
  readonly rev: number;
}

export interface MetaRow {
  readonly key: 'revision' | 'newDraft';
  readonly value: number | string;
}

export class HistoryDatabase extends Dexie {
  declare readonly conversations: Table<ConversationRow, string>;
  declare readonly messages: Table<MessageRow, string>;
  declare readonly meta: Table<MetaRow, string>;

  constructor(name: string = DATABASE_NAME) {
    super(name, {
      // A resolved write survives a power cut, not only the death of the tab.
      chromeTransactionDurability: 'strict',
      // Dexie's cache shows writes before they are committed: a list could hold a row that the quota then refuses.
      cache: 'disabled',
    });
    this.version(1).stores({
      conversations: 'id, updatedAt',
      messages: 'id, conversationId',
    });
    this.version(2)
      .stores({
        conversations: 'id, deletedAt',
        messages: 'id, [conversationId+createdAt], open',
      })
      .upgrade(growTrees);
    this.version(3)
      .stores({
        messages: 'id, [conversationId+createdAt], open, rev',
        meta: 'key',
      })
      .upgrade(numberMessages);
    this.version(4).stores({}).upgrade(addSources);
  }
}

interface ConversationV1 {
  id: string;
  title?: string;
  createdAt?: number;
  updatedAt?: number;
}
interface MessageV1 {
  id: string;
  conversationId: string;
  position: number;
  role: 'user' | 'assistant';
  text: string;
  createdAt: number;
  model?: { id: string; title: string };
}

/** 1 to 2: each message hangs below the one before it. */
async function growTrees(transaction: Transaction): Promise<void> {
  const messages = transaction.table<MessageV1, string>('messages');
  const threads = new Map<string, MessageV1[]>();
  await messages.each((message) => {
    const thread = threads.get(message.conversationId);
    if (thread) thread.push(message);
    else threads.set(message.conversationId, [message]);
  });
  const rows: Omit<MessageRow, 'rev' | 'sources'>[] = [];
  const leaves = new Map<string, string>();
  for (const [conversationId, thread] of threads) {
    thread.sort((a, b) => a.position - b.position);
    let previous: Omit<MessageRow, 'rev' | 'sources'> | null = null;
    for (const message of thread) {
      const isAnswer = message.role === 'assistant';
      const row: Omit<MessageRow, 'rev' | 'sources'> = {
        id: message.id,
        conversationId,
        parentId: previous?.id ?? null,
        role: message.role,
        text: message.text,
        // Version 1 stored a question and its answer with the same time; order is by time from now on.
        createdAt: previous ? Math.max(message.createdAt, previous.createdAt + 1) : message.createdAt,
        finishReason: isAnswer ? 'stop' : null,
        droppedTurns: 0,
        stats: null,
        model: isAnswer ? (message.model ?? null) : null,
        errorCode: null,
      };
      rows.push(row);
      previous = row;
    }
    if (previous) leaves.set(conversationId, previous.id);
  }
  await transaction.table('messages').bulkPut(rows);
  const conversations = transaction.table<ConversationV1 | ConversationRow, string>('conversations');
  await conversations.toCollection().modify((conversation, reference) => {
    const createdAt = conversation.createdAt ?? 0;
    reference.value = {
      id: conversation.id,
      title: conversation.title ?? '',
      createdAt,
      updatedAt: conversation.updatedAt ?? createdAt,
      pinned: false,
      deletedAt: null,
      activeLeafId: leaves.get(conversation.id) ?? null,
      systemPrompt: null,
      sampling: null,
      draft: '',
    } satisfies Omit<ConversationRow, 'sources'>;
  });
}

/** 2 to 3: everything counts as changed by write number 1. */
async function numberMessages(transaction: Transaction): Promise<void> {
  await transaction.table<MessageRow, string>('messages').toCollection().modify({ rev: 1 });
  await transaction.table<MetaRow, string>('meta').put({ key: 'revision', value: 1 });
}

/** 3 to 4: what was answered before had no sources; conversations go on with them. */
async function addSources(transaction: Transaction): Promise<void> {
  await transaction.table<MessageRow, string>('messages').toCollection().modify({ sources: null });
  await transaction.table<ConversationRow, string>('conversations').toCollection().modify({ sources: true });
}
