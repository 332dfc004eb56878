/**
 * Tells a hung worker from a slow one. While a call runs, the worker is pinged at intervals: a worker that works,
 * however slowly, returns to its event loop between two steps and answers. Compiling a library or taking in a large
 * tokenizer keeps it busy for seconds, so the limit is generous.
 */
import type { Clock } from '../../platform/clock.ts';

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly ping: () => Promise<void>;
  readonly onHang: () => void;
  readonly intervalMs: number;
  /** Without an answer for this long, the worker is given up. */
  readonly limitMs: number;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #missed = 0;
  #isAnswered = true;
  #cancel: (() => void) | null = null;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  start(): void {
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
    const { clock, ping, onHang, intervalMs, limitMs } = this.#options;
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
      if (this.#missed * intervalMs >= limitMs) onHang();
      else this.#tick();
    });
  }
}
