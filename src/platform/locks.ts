/**
 * One engine over several tabs: the tab that holds the lease may load a model. The browser frees a Web Lock when its
 * tab closes, crashes or is killed, so a waiting tab takes over by itself.
 *
 *   wait() --granted--> 'held' --another tab asks--> onHandover() finishes --> released, waiting again, last in line
 *
 * A tab that asks is served first: the other waiting tabs hear it too and queue again behind it.
 */
export type LeaseState = 'held' | 'waiting' | 'unknown';

const LOCK_NAME = 'hypnos-engine';
const CHANNEL_NAME = 'hypnos-engine-lease';

interface LeaseMessage {
  readonly type: 'handover';
  readonly to: string;
}

export interface LeasePorts {
  readonly locks: Pick<LockManager, 'request'> | undefined;
  readonly channel: Pick<BroadcastChannel, 'postMessage' | 'addEventListener' | 'close'>;
  readonly tabId: string;
}

function browserPorts(): LeasePorts {
  return {
    locks: (navigator as { locks?: LockManager }).locks,
    channel: new BroadcastChannel(CHANNEL_NAME),
    tabId: crypto.randomUUID(),
  };
}

export class EngineLease {
  readonly #ports: LeasePorts;
  readonly #onHandover: () => Promise<void>;
  readonly #listeners = new Set<(state: LeaseState) => void>();
  #state: LeaseState = 'unknown';
  #release: (() => void) | null = null;
  #waiting: AbortController | null = null;
  #isDisposed = false;

  /** @param onHandover frees the engine; the lease is given up when it settles, whatever it settles to */
  constructor(onHandover: () => Promise<void>, ports: LeasePorts = browserPorts()) {
    this.#onHandover = onHandover;
    this.#ports = ports;
    ports.channel.addEventListener('message', (event) => {
      this.#hear((event as MessageEvent<LeaseMessage>).data);
    });
  }

  get state(): LeaseState {
    return this.#state;
  }

  subscribe(listener: (state: LeaseState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts waiting for the lease; no-op while it waits or holds. Without Web Locks every tab holds it. */
  wait(): void {
    if (this.#isDisposed || this.#waiting || this.#release) return;
    const { locks } = this.#ports;
    if (!locks) {
      this.#setState('held');
      return;
    }
    const waiting = new AbortController();
    this.#waiting = waiting;
    this.#setState('waiting');
    locks
      .request(LOCK_NAME, { signal: waiting.signal }, () => {
        if (this.#waiting === waiting) this.#waiting = null;
        return new Promise<void>((resolve) => {
          this.#release = resolve;
          this.#setState('held');
        });
      })
      .catch(() => {
        // Aborted: requeued or disposed.
      });
  }

  /** Asks the tab that holds the lease to give it up; this tab is next in line. */
  requestHandover(): void {
    this.wait();
    if (this.#state === 'waiting')
      this.#ports.channel.postMessage({ type: 'handover', to: this.#ports.tabId } satisfies LeaseMessage);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#waiting?.abort();
    this.#waiting = null;
    this.#release?.();
    this.#release = null;
    this.#listeners.clear();
    this.#ports.channel.close();
  }

  #hear(message: LeaseMessage): void {
    if (message.to === this.#ports.tabId) return;
    if (this.#release) void this.#handOver();
    else if (this.#waiting) this.#requeue();
  }

  async #handOver(): Promise<void> {
    const release = this.#release;
    if (!release) return;
    try {
      await this.#onHandover();
    } catch {
      // The asking tab must not starve because this one could not tidy up.
    }
    if (this.#release !== release) return;
    this.#release = null;
    // Queued before the release, or the same tab could find the lock free and take it again.
    this.wait();
    release();
  }

  #requeue(): void {
    this.#waiting?.abort();
    this.#waiting = null;
    this.wait();
  }

  #setState(state: LeaseState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}
