/** A page that holds nothing but the history's repository, for tests that conduct it from outside. */
import { openHistory } from '../../../src/history/repository.ts';
import type { HistoryRepository, HistoryStatus } from '../../../src/history/types.ts';
import type { Conversation, Message } from '../../../src/shared/types.ts';
import { buildDatabase } from './fixtureDatabase.ts';

export interface HistoryPage {
  /** Opens the repository; before that a test may build the database of an old version. */
  open(): void;
  readonly history: HistoryRepository;
  readonly buildDatabase: typeof buildDatabase;
  /** What the watchers told last. */
  readonly seen: {
    conversations: readonly Conversation[];
    messages: readonly Message[];
    status: HistoryStatus;
  };
  watchMessages(id: string): void;
  /** Text that does not compress, as the browser compresses what it stores: that many UTF-16 units. */
  noise(length: number): string;
  /** The code of the error that the work rejects with; null if it does not. */
  codeOf(work: Promise<unknown>): Promise<string | null>;
}

declare global {
  interface Window {
    test: HistoryPage;
    /** Exposed by the crash test: tells the test's process that a write was acknowledged. */
    acknowledged?: (kind: 'question' | 'text', id: string, text: string) => Promise<void>;
  }
}

let history: HistoryRepository | null = null;
const seen: { -readonly [Key in keyof HistoryPage['seen']]: HistoryPage['seen'][Key] } = {
  conversations: [],
  messages: [],
  status: 'opening',
};
const ignore = () => {};

window.test = {
  open: () => {
    history = openHistory({ locks: navigator.locks });
    history.watchConversations((list) => (seen.conversations = list), ignore);
    history.watchStatus((status) => (seen.status = status));
  },
  get history() {
    if (!history) throw new Error('open() first');
    return history;
  },
  buildDatabase,
  seen,
  watchMessages: (id) => {
    history?.watchMessages(id, (messages) => (seen.messages = messages), ignore);
  },
  noise: (length) => {
    let text = '';
    for (let left = length; left > 0; left -= 32_768) {
      const units = crypto.getRandomValues(new Uint16Array(Math.min(left, 32_768)));
      text += String.fromCharCode(...units.map((unit) => 0x4e00 + (unit % 0x5000)));
    }
    return text;
  },
  codeOf: (work) =>
    work.then(
      () => null,
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    ),
};
