/**
 * Tells a hung worker from a slow one. While a call runs, the worker is pinged at intervals: a worker that works,
 * however slowly, returns to its event loop between two steps and answers. Compiling a library or taking in a large
 * tokenizer keeps it busy for longer, so the caller gives the limit with each call.
 */
import type { Clock } from '../../platform/clock.ts';

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly ping: () => Promise<void>;
  /** Hears the limit that has passed. */
  readonly onHang: (limitMs: number) => void;
  readonly intervalMs: number;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #limitMs = 0;
  #missed = 0;
  #isAnswered = true;
  #cancel: (() => void) | null = null;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** @param limitMs without an answer for this long, the worker is given up */
  start(limitMs: number): void {
    this.#limitMs = limitMs;
    if (this.#cancel) return;
    this.#missed = 0;
    this.#isAnswered = true;
    this.#tick();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #tick(): void {
    const { clock, ping, onHang, intervalMs } = this.#options;
    if (this.#isAnswered) {
      this.#missed = 0;
      this.#isAnswered = false;
      ping().then(
        () => {
          this.#isAnswered = true;
        },
        () => {
          // The worker answered, if only to refuse.
          this.#isAnswered = true;
        },
      );
    }
    const asked = clock.now();
    this.#cancel = clock.after(intervalMs, () => {
      this.#cancel = null;
      // A timer that came late says that the page itself slept (lid closed, tab frozen), and the worker with it.
      const isLate = clock.now() - asked > intervalMs * 2;
      if (!this.#isAnswered && !isLate) this.#missed += 1;
      if (this.#missed * intervalMs >= this.#limitMs) onHang(this.#limitMs);
      else this.#tick();
    });
  }
}
