import { describe, expect, test } from 'vitest';
import { EngineLease } from '../../../src/platform/locks.ts';
import type { LeasePorts } from '../../../src/platform/locks.ts';

const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The tabs of one browser: one lock with a queue, one channel that all others hear. */
class Browser {
  readonly #queue: { grant: () => Promise<void>; signal: AbortSignal | undefined }[] = [];
  readonly #channels = new Set<(message: unknown) => void>();
  #held: { abandon: () => void } | null = null;

  tab(id: string, onHandover: () => Promise<void> = () => Promise.resolve()) {
    let hear: ((event: MessageEvent) => void) | null = null;
    const receive = (data: unknown) => hear?.({ data } as MessageEvent);
    this.#channels.add(receive);
    const ports: LeasePorts = {
      tabId: id,
      locks: { request: this.#request as unknown as LockManager['request'] },
      channel: {
        postMessage: (message: unknown) => {
          for (const other of this.#channels) if (other !== receive) queueMicrotask(() => other(message));
        },
        addEventListener: ((_type: string, listener: (event: MessageEvent) => void) => {
          hear = listener;
        }) as BroadcastChannel['addEventListener'],
        close: () => this.#channels.delete(receive),
      },
    };
    return new EngineLease(onHandover, ports);
  }

  /** The holder's process is killed: the browser frees its lock. */
  killHolder(): void {
    this.#held?.abandon();
  }

  readonly #request = (
    _name: string,
    { signal }: { signal?: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const entry = {
        signal,
        grant: async () => {
          await Promise.race([
            callback(),
            new Promise<void>((abandon) => {
              this.#held = { abandon };
            }),
          ]);
          this.#held = null;
          resolve();
          this.#next();
        },
      };
      this.#queue.push(entry);
      signal?.addEventListener('abort', () => {
        const at = this.#queue.indexOf(entry);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
      this.#next();
    });

  #next(): void {
    if (this.#held) return;
    const entry = this.#queue.shift();
    if (entry) void entry.grant();
  }
}

describe('one engine over several tabs', () => {
  test('the first tab holds it, the others wait in line', async () => {
    const browser = new Browser();
    const tabs = ['a', 'b', 'c'].map((id) => browser.tab(id));
    for (const tab of tabs) tab.wait();
    await settle();
    expect(tabs.map((tab) => tab.state)).toEqual(['held', 'waiting', 'waiting']);
    tabs[0]!.dispose();
    await settle();
    expect(tabs.slice(1).map((tab) => tab.state)).toEqual(['held', 'waiting']);
  });

  test('a killed tab leaves it to the next', async () => {
    const browser = new Browser();
    const [a, b] = [browser.tab('a'), browser.tab('b')];
    const states: string[] = [];
    b.subscribe((state) => states.push(state));
    a.wait();
    b.wait();
    await settle();
    browser.killHolder();
    await settle();
    expect(states).toEqual(['waiting', 'held']);
  });

  test('asked for, it is handed over when the holder is ready, to the tab that asked', async () => {
    const browser = new Browser();
    let finish = () => {};
    const a = browser.tab('a', () => new Promise<void>((resolve) => (finish = resolve)));
    const [b, c] = [browser.tab('b'), browser.tab('c')];
    for (const tab of [a, b, c]) tab.wait();
    await settle();
    c.requestHandover();
    await settle();
    expect([a, b, c].map((tab) => tab.state)).toEqual(['held', 'waiting', 'waiting']);
    finish();
    await settle();
    expect([a, b, c].map((tab) => tab.state)).toEqual(['waiting', 'waiting', 'held']);
    c.dispose();
    await settle();
    expect([a.state, b.state].toSorted()).toEqual(['held', 'waiting']);
  });

  test('a holder that fails to tidy up hands over all the same', async () => {
    const browser = new Browser();
    const a = browser.tab('a', () => Promise.reject(new Error('stuck')));
    const b = browser.tab('b');
    a.wait();
    await settle();
    b.requestHandover();
    await settle();
    expect([a.state, b.state]).toEqual(['waiting', 'held']);
  });

  test('asking for what one holds, or waiting twice, changes nothing', async () => {
    const browser = new Browser();
    const a = browser.tab('a', () => Promise.reject(new Error('not asked')));
    a.wait();
    a.wait();
    await settle();
    a.requestHandover();
    await settle();
    expect(a.state).toBe('held');
  });

  test('without Web Locks every tab holds it', () => {
    const lease = new EngineLease(() => Promise.resolve(), {
      tabId: 'a',
      locks: undefined,
      channel: { postMessage: () => {}, addEventListener: () => {}, close: () => {} },
    });
    expect(lease.state).toBe('unknown');
    lease.wait();
    expect(lease.state).toBe('held');
  });
});
