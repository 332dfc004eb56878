/**
 * The inference worker. It holds a Web Lock of its own name for as long as it lives: the browser frees the lock however
 * the worker dies, and the page that waits for it knows at once.
 */
import * as Comlink from 'comlink';
import type { GenerateEvent, LoadProgress } from '../shared/api.ts';
import type { CodedError } from '../../shared/errors.ts';
import { EngineChoice } from './choice.ts';

declare const self: DedicatedWorkerGlobalScope;

/** A function of the page: every call is a message, answered when the page has run it. */
type Remote<Value> = (value: Value) => Promise<void>;

const engine = new EngineChoice();

/** Settles when the lock is held. Not awaited here: messages that come before `expose` would be lost. */
const lockHeld = new Promise<void>((resolve) => {
  const { locks } = navigator as { locks?: LockManager };
  if (!locks || !self.name) {
    resolve();
    return;
  }
  void locks.request(self.name, () => {
    resolve();
    return new Promise<never>(() => {});
  });
});

/**
 * Text events wait until the page has taken the last one, joined: a page that is busy gets fewer, longer ones. `settled`
 * resolves when all have been taken; only then may the outcome leave, because it travels on another port.
 */
class EventSender {
  readonly #send: Remote<GenerateEvent>;
  #text = '';
  #sending: Promise<void> | null = null;

  constructor(send: Remote<GenerateEvent>) {
    this.#send = send;
  }

  readonly push = (event: GenerateEvent): void => {
    if (event.type === 'text') this.#text += event.delta;
    this.#sending ??= this.#drain(event);
  };

  async settled(): Promise<void> {
    await this.#sending;
  }

  async #drain(first: GenerateEvent): Promise<void> {
    if (first.type !== 'text') await this.#send(first);
    while (this.#text !== '') {
      const delta = this.#text;
      this.#text = '';
      await this.#send({ type: 'text', delta });
    }
    this.#sending = null;
  }
}

const api = {
  report: () => engine.report(),
  ping: () => lockHeld,
  unload: () => engine.unload(),
  interrupt: (id: string) => engine.interrupt(id),
  measureThreads: () => engine.measureThreads(),
  onDeviceLost: (listener: Remote<CodedError>) => engine.onDeviceLost((error) => void listener(error)),
  load: async (
    location: Parameters<EngineChoice['load']>[0],
    options: Parameters<EngineChoice['load']>[1],
    onProgress: Remote<LoadProgress> & Partial<Comlink.ProxyMethods>,
  ) => {
    let last = Promise.resolve();
    const result = await engine.load(location, options, (progress) => {
      last = onProgress(progress);
    });
    await last;
    onProgress[Comlink.releaseProxy]?.();
    return result;
  },
  generate: async (
    request: Parameters<EngineChoice['generate']>[0],
    onEvent: Remote<GenerateEvent> & Partial<Comlink.ProxyMethods>,
  ) => {
    const sender = new EventSender(onEvent);
    const result = await engine.generate(request, sender.push);
    await sender.settled();
    onEvent[Comlink.releaseProxy]?.();
    return result;
  },
};

// web-llm disposes of a lost device's pipeline by itself and leaves the failure of that unhandled.
self.addEventListener('unhandledrejection', (event) => {
  console.warn('engine worker: unhandled rejection', event.reason);
  event.preventDefault();
});

Comlink.expose(api, self);
