/** What history tests in Node share: fake-indexeddb, and Web Locks that several "tabs" share. */
import 'fake-indexeddb/auto';
import { openHistory } from '../../../src/history/repository.ts';
import type { HistoryRepository } from '../../../src/history/types.ts';

type Request = LockManager['request'];

/** The part of Web Locks that the history uses, exclusive locks only; a tab of its own per `tab()`. */
export class FakeLocks {
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #held = new Set<string>();

  /** One tab's locks; `die` frees them as the browser does when the tab is gone. */
  tab(): { locks: { request: Request }; die: () => void } {
    const deaths = new Set<() => void>();
    let isDead = false;
    const request = async (
      name: string,
      second: { ifAvailable?: boolean } | ((lock: unknown) => Promise<unknown>),
      third?: (lock: unknown) => Promise<unknown>,
    ) => {
      const options = typeof second === 'function' ? {} : second;
      const callback = typeof second === 'function' ? second : third!;
      if (options.ifAvailable && this.#held.has(name)) return callback(null);
      const before = this.#queues.get(name) ?? Promise.resolve();
      const run = before.then(async () => {
        if (isDead) return undefined;
        this.#held.add(name);
        const death = new Promise<void>((resolve) => deaths.add(resolve));
        try {
          return await Promise.race([callback({ name }), death]);
        } finally {
          this.#held.delete(name);
        }
      });
      this.#queues.set(
        name,
        run.catch(() => {}),
      );
      return run;
    };
    return {
      locks: { request: request as Request },
      die: () => {
        isDead = true;
        for (const death of deaths) death();
      },
    };
  }
}

let databases = 0;
export const freshName = () => `history-test-${(databases += 1)}`;

export interface TestHistory {
  readonly history: HistoryRepository;
  readonly name: string;
  /** Moves the wall clock. */
  time: { now: number };
}

export function testHistory(name = freshName(), locks = new FakeLocks().tab().locks): TestHistory {
  const time = { now: Date.UTC(2026, 0, 1) };
  // Every reading is a millisecond later: order of creation is order of time.
  const history = openHistory({ locks, databaseName: name, now: () => (time.now += 1) });
  return { history, name, time };
}

/** Resolves with the first value that satisfies the condition. */
export function firstMatching<Value>(
  watch: (listener: (value: Value) => void) => () => void,
  condition: (value: Value) => boolean,
): Promise<Value> {
  return new Promise((resolve) => {
    const stop = watch((value) => {
      if (!condition(value)) return;
      queueMicrotask(() => stop());
      resolve(value);
    });
  });
}

export const MODEL = { id: 'hypnos-dev', title: 'Hypnos' };

/** A whole finished exchange. */
export async function exchange(
  history: HistoryRepository,
  question: string,
  answer: string,
  at: { conversationId?: string; parentId?: string } = {},
) {
  const asked = await history.ask(
    { conversationId: at.conversationId ?? null, parentId: at.parentId ?? null, text: question },
    { model: MODEL },
  );
  await history.finishAnswer(asked.answer.id, {
    text: answer,
    finishReason: 'stop',
    droppedTurns: 0,
    stats: null,
    errorCode: null,
  });
  return { conversationId: asked.question.conversationId, ...asked };
}
