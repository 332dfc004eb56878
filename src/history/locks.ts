/**
 * Whose an open answer is. Its writer holds a Web Lock named after it; the browser frees the lock when the tab is
 * closed, reloaded, crashes or is killed, so the lock tells the living from the dead with no heartbeat.
 */
import type { MessageId } from '../shared/types.ts';

const lockName = (id: MessageId) => `hypnos-answer:${id}`;

export class AnswerLocks {
  readonly #locks: Pick<LockManager, 'request'> | undefined;
  readonly #held = new Map<MessageId, () => void>();

  /** @param locks `navigator.locks`; where there are none, only this tab's own answers count as alive */
  constructor(locks: Pick<LockManager, 'request'> | undefined) {
    this.#locks = locks;
  }

  /** Resolves when the lock is held; it stays held until `release` or until this tab is gone. */
  async hold(id: MessageId): Promise<void> {
    if (this.#held.has(id)) return;
    const locks = this.#locks;
    if (!locks) {
      this.#held.set(id, () => {});
      return;
    }
    await new Promise<void>((resolve, reject) => {
      locks
        .request(
          lockName(id),
          () =>
            new Promise<void>((release) => {
              this.#held.set(id, release);
              resolve();
            }),
        )
        .catch(reject);
    });
  }

  release(id: MessageId): void {
    this.#held.get(id)?.();
    this.#held.delete(id);
  }

  /** Runs the work under the lock if nobody holds it, else not at all. */
  async ifOrphaned(id: MessageId, work: () => Promise<void>): Promise<void> {
    if (this.#held.has(id)) return;
    if (!this.#locks) return work();
    await this.#locks.request(lockName(id), { ifAvailable: true }, async (lock) => {
      if (lock) await work();
    });
  }

  releaseAll(): void {
    for (const id of [...this.#held.keys()]) this.release(id);
  }
}
