import { describe, expect, test } from 'vitest';
import { DEFAULT_TIMING, EngineSupervisor } from '../../../src/engine/client/supervisor.ts';
import type { EngineState } from '../../../src/engine/client/types.ts';
import type { GenerateOutcome, GenerateRequest } from '../../../src/engine/shared/api.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import type { HypnosErrorCode } from '../../../src/shared/errors.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';
import { FakeWorker, MODEL, ManualClock, outcome, settle } from './fakeWorker.ts';

const coded = (code: HypnosErrorCode) => ({ ok: false as const, error: { code, detail: {} } });
const request = (id: string): GenerateRequest => ({
  id,
  turns: [{ role: 'user', content: id }],
  sampling: DEFAULT_SAMPLING,
});

function start() {
  const clock = new ManualClock();
  const workers: FakeWorker[] = [];
  const client = new EngineSupervisor({
    clock,
    spawn: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker;
    },
    locate: (id) =>
      id === 'nowhere'
        ? Promise.reject(new HypnosError('package-not-found', { id }))
        : Promise.resolve({ id, baseUrl: `http://localhost/models/${id}/` }),
    reportWithoutWorker: () =>
      Promise.resolve({
        userAgent: 'page',
        hasWebGpu: false,
        isSecureContext: true,
        adapter: null,
        hardwareConcurrency: 1,
        deviceMemoryGiB: null,
      }),
  });
  const phases: string[] = [];
  client.subscribe((state: EngineState) => {
    if (phases.at(-1) !== state.phase) phases.push(state.phase);
  });
  const worker = () => workers.at(-1)!;
  const ready = async (id = 'm') => {
    const loaded = client.load(id);
    await settle();
    worker().load!.settle({ ok: true, value: { ...MODEL, id } });
    await loaded;
  };
  const ask = (id: string, signal?: AbortSignal) => {
    const result: { text: string; outcome: GenerateOutcome | null; error: HypnosError | null } = {
      text: '',
      outcome: null,
      error: null,
    };
    client.generate(request(id), { onText: (delta) => (result.text += delta) }, signal).then(
      (value) => {
        result.outcome = value;
      },
      (error: unknown) => {
        result.error = error as HypnosError;
      },
    );
    return result;
  };
  return { client, clock, workers, worker, phases, ready, ask };
}

describe('loading', () => {
  test('spawns one worker, reports progress and becomes ready', async () => {
    const { client, workers, worker, phases } = start();
    expect(client.getState()).toEqual({ phase: 'idle' });
    const loaded = client.load('m');
    await settle();
    worker().load!.progress({
      stage: 'weights',
      fraction: 0.5,
      bytesDone: 5,
      bytesTotal: 10,
      bytesPerSecond: null,
      secondsLeft: null,
    });
    expect(client.getState()).toMatchObject({
      phase: 'loading',
      packageId: 'm',
      progress: { fraction: 0.5 },
    });
    expect(worker().load!.location.baseUrl).toBe('http://localhost/models/m/');
    worker().load!.settle({ ok: true, value: MODEL });
    await expect(loaded).resolves.toEqual(MODEL);
    expect(phases).toEqual(['loading', 'ready']);
    await expect(client.load('m')).resolves.toEqual(MODEL);
    expect(workers).toHaveLength(1);
  });

  test('two calls for one package are one load', async () => {
    const { client, workers, worker } = start();
    const both = Promise.all([client.load('m'), client.load('m')]);
    await settle();
    worker().load!.settle({ ok: true, value: MODEL });
    await expect(both).resolves.toEqual([MODEL, MODEL]);
    expect(workers).toHaveLength(1);
  });

  test('another package cancels the first load, in a fresh worker', async () => {
    const { client, workers, worker } = start();
    const first = client.load('a');
    const rejected = expect(first).rejects.toMatchObject({ code: 'cancelled' });
    await settle();
    const second = client.load('b');
    await rejected;
    await settle();
    expect(workers.map(({ isTerminated }) => isTerminated)).toEqual([true, false]);
    worker().load!.settle({ ok: true, value: { ...MODEL, id: 'b' } });
    await expect(second).resolves.toMatchObject({ id: 'b' });
  });

  test('aborted, it rejects at once and leaves nothing running', async () => {
    const { client, worker } = start();
    const abort = new AbortController();
    const loaded = client.load('m', abort.signal);
    await settle();
    abort.abort();
    await expect(loaded).rejects.toMatchObject({ code: 'cancelled' });
    expect(worker().isTerminated).toBe(true);
    expect(client.getState()).toEqual({ phase: 'idle' });
    await expect(client.load('m', AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  });

  test.each<HypnosErrorCode>([
    'package-file-corrupt',
    'webgpu-too-weak',
    'gpu-out-of-memory',
    'network-unavailable',
  ])('a failure of the package or the device is not tried again: %s', async (code) => {
    const { client, workers, worker } = start();
    const loaded = client.load('m');
    const rejected = expect(loaded).rejects.toMatchObject({ code });
    await settle();
    worker().load!.settle(coded(code));
    await rejected;
    expect(client.getState()).toMatchObject({ phase: 'failed', error: { code }, packageId: 'm' });
    expect(workers).toHaveLength(1);
    expect(worker().isTerminated).toBe(true);
    await expect(client.generate(request('g'), { onText: () => {} })).rejects.toMatchObject({ code });
    // Asked again, it tries again.
    void client.load('m').catch(() => {});
    await settle();
    expect(client.getState().phase).toBe('loading');
    expect(workers).toHaveLength(2);
  });

  test('a package that is nowhere', async () => {
    const { client } = start();
    await expect(client.load('nowhere')).rejects.toMatchObject({ code: 'package-not-found' });
    expect(client.getState().phase).toBe('failed');
  });

  test('a worker that dies while loading is replaced, and the caller still gets its model', async () => {
    const { client, clock, workers, worker, phases } = start();
    const loaded = client.load('m');
    await settle();
    worker().die();
    await clock.advance(0);
    expect(workers).toHaveLength(2);
    worker().load!.settle({ ok: true, value: MODEL });
    await expect(loaded).resolves.toEqual(MODEL);
    expect(phases).toEqual(['loading', 'recovering', 'ready']);
  });
});

describe('generating', () => {
  test('streams in order and resolves with the outcome', async () => {
    const { client, worker, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await settle();
    expect(client.getState()).toMatchObject({ phase: 'generating', generationId: 'g' });
    worker().generate!.emit({ type: 'started', promptTokens: 3, droppedTurns: 0 });
    worker().generate!.emit({ type: 'text', delta: '你' });
    worker().generate!.emit({ type: 'text', delta: '好' });
    worker().generate!.settle({ ok: true, value: outcome() });
    await settle();
    expect(answer).toMatchObject({ text: '你好', outcome: { finishReason: 'stop' } });
    expect(client.getState().phase).toBe('ready');
  });

  test('one at a time, the others in line', async () => {
    const { worker, ready, ask } = start();
    await ready();
    const answers = [ask('1'), ask('2'), ask('3')];
    for (const id of ['1', '2', '3']) {
      await settle();
      expect(worker().generate!.request.id).toBe(id);
      worker().generate!.settle({ ok: true, value: outcome({ contextTokens: Number(id) }) });
    }
    await settle();
    expect(answers.map((answer) => answer.outcome?.contextTokens)).toEqual([1, 2, 3]);
  });

  test('asked while loading, it waits for the model; without a load there is none', async () => {
    const { client, worker, ask } = start();
    await expect(client.generate(request('g'), { onText: () => {} })).rejects.toMatchObject({
      code: 'model-not-loaded',
    });
    const loaded = client.load('m');
    await settle();
    const answer = ask('g');
    worker().load!.settle({ ok: true, value: MODEL });
    await loaded;
    await settle();
    worker().generate!.settle({ ok: true, value: outcome() });
    await settle();
    expect(answer.outcome).toEqual(outcome());
  });

  test('a failure of the request alone leaves the worker in place', async () => {
    const { client, workers, worker, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await settle();
    worker().generate!.settle(coded('message-too-long'));
    await settle();
    expect(answer.error).toMatchObject({ code: 'message-too-long' });
    expect(client.getState().phase).toBe('ready');
    expect(workers).toHaveLength(1);
  });
});

describe('stopping', () => {
  test('interrupts the worker and gives its outcome', async () => {
    const { worker, ready, ask } = start();
    await ready();
    const abort = new AbortController();
    const answer = ask('g', abort.signal);
    await settle();
    abort.abort();
    expect(worker().interrupted).toEqual(['g']);
    worker().generate!.settle({ ok: true, value: outcome({ finishReason: 'stopped' }) });
    await settle();
    expect(answer.outcome).toEqual(outcome({ finishReason: 'stopped' }));
    expect(worker().isTerminated).toBe(false);
  });

  test('in line: resolves at once as stopped, the worker never hears of it', async () => {
    const { worker, ready, ask } = start();
    await ready();
    const abort = new AbortController();
    ask('1');
    const second = ask('2', abort.signal);
    const never = ask('3', AbortSignal.abort());
    await settle();
    abort.abort();
    await settle();
    expect(second.outcome?.finishReason).toBe('stopped');
    expect(never.outcome?.finishReason).toBe('stopped');
    worker().generate!.settle({ ok: true, value: outcome() });
    await settle();
    expect(worker().generate).toBeNull();
    expect(worker().interrupted).toEqual([]);
  });

  test('a worker that does not stop is terminated after the grace period; the text stays', async () => {
    const { client, clock, workers, worker, ready, ask } = start();
    await ready();
    const abort = new AbortController();
    const answer = ask('g', abort.signal);
    await settle();
    worker().generate!.emit({ type: 'text', delta: '半' });
    abort.abort();
    await clock.advance(DEFAULT_TIMING.abortGraceMs - 1);
    expect(answer.outcome).toBeNull();
    await clock.advance(1);
    expect(answer).toMatchObject({
      text: '半',
      outcome: { finishReason: 'stopped', stats: { completionTokens: 1 } },
    });
    expect(workers[0]!.isTerminated).toBe(true);
    expect(client.getState().phase).toBe('recovering');
  });

  const stopWhileItReads = async () => {
    const run = start();
    await run.ready();
    const abort = new AbortController();
    const answer = run.ask('g', abort.signal);
    await settle();
    run.worker().generate!.emit({ type: 'started', promptTokens: 2000, droppedTurns: 0 });
    abort.abort();
    await run.clock.advance(DEFAULT_TIMING.abortGraceMs);
    expect(answer.outcome).toMatchObject({ finishReason: 'stopped', stats: { promptTokens: 2000 } });
    return run;
  };

  test('a worker that still reads a long prompt is slow, not hung: it goes on with the next question', async () => {
    const { client, clock, workers, worker, ask } = await stopWhileItReads();
    const next = ask('h');
    await clock.advance(DEFAULT_TIMING.abortGraceMs);
    worker().generate!.settle({ ok: true, value: outcome({ finishReason: 'stopped' }) });
    await settle();
    expect(worker().generate?.request.id).toBe('h');
    await clock.advance(DEFAULT_TIMING.promptGraceMs); // nothing is left of the first one's
    worker().generate!.settle({ ok: true, value: outcome() });
    await settle();
    expect(next.outcome?.finishReason).toBe('stop');
    expect(client.getState().phase).toBe('ready');
    expect(workers).toHaveLength(1);
  });

  test('one that never comes to the end of it is given up, and nothing of its time is left', async () => {
    const { client, clock, workers, worker } = await stopWhileItReads();
    await clock.advance(DEFAULT_TIMING.promptGraceMs - DEFAULT_TIMING.abortGraceMs);
    expect(workers[0]!.isTerminated).toBe(true);
    expect(client.getState()).toMatchObject({ phase: 'recovering', cause: { code: 'engine-unresponsive' } });
    await settle();
    worker().load!.settle({ ok: true, value: MODEL });
    await clock.advance(2 * DEFAULT_TIMING.promptGraceMs);
    expect(workers).toHaveLength(2);
    expect(client.getState().phase).toBe('ready');
  });

  test('one that hangs in it is given up as any other', async () => {
    const { clock, workers, worker } = await stopWhileItReads();
    worker().isHung = true;
    await clock.advance(DEFAULT_TIMING.hangAfterMs + 2 * DEFAULT_TIMING.pingIntervalMs);
    expect(workers[0]!.isTerminated).toBe(true);
  });

  test('the worker dies while a stopped answer still runs: the new one is not given up for it', async () => {
    const { client, clock, workers, worker } = await stopWhileItReads();
    worker().die();
    await clock.advance(0);
    worker().load!.settle({ ok: true, value: MODEL });
    await clock.advance(2 * DEFAULT_TIMING.promptGraceMs);
    expect(workers).toHaveLength(2);
    expect(client.getState().phase).toBe('ready');
  });
});

describe('recovery', () => {
  const ways: Record<string, (worker: FakeWorker) => void> = {
    'the worker dies': (worker) => {
      worker.die();
    },
    'the device is lost mid-answer': (worker) => {
      worker.generate!.settle(coded('gpu-device-lost'));
    },
    'the device runs out of memory mid-answer': (worker) => {
      worker.generate!.settle(coded('gpu-out-of-memory'));
    },
  };
  test.each(Object.entries(ways))(
    '%s: the answer rejects, the model is loaded again, the next answer runs',
    async (_, fail) => {
      const { client, clock, workers, worker, ready, ask, phases } = start();
      await ready();
      const lost = ask('1');
      const waiting = ask('2');
      await settle();
      worker().generate!.emit({ type: 'text', delta: '半' });
      fail(worker());
      await settle();
      expect(lost.text).toBe('半');
      expect(lost.error?.code).toMatch(/^(engine-crashed|gpu-device-lost|gpu-out-of-memory)$/);
      expect(client.getState()).toMatchObject({
        phase: 'recovering',
        packageId: 'm',
        cause: { code: lost.error!.code },
      });
      await clock.advance(0);
      expect(workers).toHaveLength(2);
      expect(workers[0]!.isTerminated).toBe(true);
      worker().load!.settle({ ok: true, value: MODEL });
      await settle();
      worker().generate!.settle({ ok: true, value: outcome() });
      await settle();
      expect(waiting.outcome).toEqual(outcome());
      expect(phases).toEqual([
        'loading',
        'ready',
        'generating',
        'recovering',
        'ready',
        'generating',
        'ready',
      ]);
    },
  );

  test('a device lost while nothing runs is noticed too', async () => {
    const { client, clock, workers, worker, ready } = start();
    await ready();
    worker().loseDevice();
    expect(client.getState()).toMatchObject({ phase: 'recovering', cause: { code: 'gpu-device-lost' } });
    await clock.advance(0);
    worker().load!.settle({ ok: true, value: MODEL });
    await settle();
    expect(client.getState().phase).toBe('ready');
    expect(workers).toHaveLength(2);
  });

  test('what a terminated worker still says is ignored', async () => {
    const { client, clock, workers, worker, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await settle();
    const ghost = worker().generate!;
    worker().die();
    await clock.advance(0);
    ghost.emit({ type: 'text', delta: '鬼' });
    ghost.settle({ ok: true, value: outcome() });
    workers[0]!.loseDevice();
    workers[0]!.die();
    await clock.advance(10_000);
    expect(answer.text).toBe('');
    expect(workers).toHaveLength(2);
    expect(client.getState().phase).toBe('recovering');
  });

  test('gives up after several failures in a row, and says why', async () => {
    const { client, clock, workers, worker, ready, ask } = start();
    await ready();
    for (let failure = 0; failure < DEFAULT_TIMING.respawnDelaysMs.length; failure += 1) {
      worker().die();
      await clock.advance(60_000);
      worker().load!.settle({ ok: true, value: MODEL });
      await settle();
      expect(client.getState().phase).toBe('ready');
    }
    const waiting = ask('g');
    await settle();
    worker().die();
    await settle();
    expect(client.getState()).toMatchObject({
      phase: 'failed',
      error: { code: 'engine-crashed' },
      packageId: 'm',
    });
    expect(waiting.error?.code).toBe('engine-crashed');
    expect(workers).toHaveLength(1 + DEFAULT_TIMING.respawnDelaysMs.length);
    await clock.advance(3_600_000);
    expect(workers).toHaveLength(1 + DEFAULT_TIMING.respawnDelaysMs.length);
  });

  test('an answer that succeeds, or a long quiet time, ends the row', async () => {
    const { client, clock, worker, ready, ask } = start();
    await ready();
    for (let index = 0; index < 10; index += 1) {
      worker().die();
      await clock.advance(10_000);
      worker().load!.settle({ ok: true, value: MODEL });
      await settle();
      if (index % 2 === 0) {
        ask('g');
        await settle();
        worker().generate!.settle({ ok: true, value: outcome() });
        await settle();
      } else await clock.advance(DEFAULT_TIMING.failureMemoryMs + 1);
      expect(client.getState().phase).toBe('ready');
    }
  });
});

describe('the watchdog', () => {
  test('a hung worker is given up after the limit', async () => {
    const { client, clock, worker, workers, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await settle();
    worker().isHung = true;
    await clock.advance(DEFAULT_TIMING.hangAfterMs - DEFAULT_TIMING.pingIntervalMs);
    expect(answer.error).toBeNull();
    await clock.advance(3 * DEFAULT_TIMING.pingIntervalMs);
    expect(answer.error).toMatchObject({ code: 'engine-unresponsive' });
    expect(workers[0]!.isTerminated).toBe(true);
    expect(client.getState()).toMatchObject({ phase: 'recovering' });
  });

  test('what a load was told beyond the settings holds through a recovery, and no longer', async () => {
    const { clock, client, worker } = start();
    const loaded = client.load('m', undefined, { engine: 'wllama' });
    await settle();
    expect(worker().load!.options).toEqual({ engine: 'wllama' });
    worker().load!.settle({ ok: true, value: MODEL });
    await loaded;
    worker().die();
    await clock.advance(0);
    expect(worker().load!.options).toEqual({ engine: 'wllama' });
    await client.unload();
    client.load('m').catch(() => {});
    await settle();
    expect(worker().load!.options).toEqual({});
  });

  test('a slow worker that answers pings is left alone for ever', async () => {
    const { clock, workers, worker, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await clock.advance(60 * 60_000);
    expect(answer.error).toBeNull();
    expect(workers).toHaveLength(1);
    expect(worker().pings).toBeGreaterThan(100);
  });

  test('a machine that slept proves nothing', async () => {
    const { clock, workers, worker, ready, ask } = start();
    await ready();
    const answer = ask('g');
    await settle();
    worker().isHung = true;
    for (let index = 0; index < 20; index += 1) await clock.sleep(3_600_000);
    expect(answer.error).toBeNull();
    expect(workers).toHaveLength(1);
  });

  test('an idle worker is not pinged', async () => {
    const { clock, worker, ready } = start();
    await ready();
    const { pings } = worker();
    await clock.advance(600_000);
    expect(worker().pings).toBe(pings);
  });

  test('it watches a load as well', async () => {
    const { client, clock, worker, workers } = start();
    void client.load('m').catch(() => {});
    await settle();
    worker().isHung = true;
    await clock.advance(DEFAULT_TIMING.loadHangAfterMs + 2 * DEFAULT_TIMING.pingIntervalMs);
    expect(workers).toHaveLength(2);
    expect(client.getState()).toMatchObject({ phase: 'recovering', cause: { code: 'engine-unresponsive' } });
  });

  test('a slow machine takes in a library for minutes and is left alone', async () => {
    const { client, clock, worker, workers } = start();
    const loaded = client.load('m');
    await settle();
    worker().isHung = true;
    await clock.advance(3 * DEFAULT_TIMING.hangAfterMs);
    worker().isHung = false;
    worker().load!.settle({ ok: true, value: MODEL });
    await expect(loaded).resolves.toMatchObject({ id: 'm' });
    expect(workers).toHaveLength(1);
  });
});

describe('the end', () => {
  test('unload frees the worker at once; what runs or waits is cancelled', async () => {
    const { client, worker, ready, ask } = start();
    await ready();
    const running = ask('1');
    const waiting = ask('2');
    await settle();
    await client.unload();
    await settle();
    expect([running.error?.code, waiting.error?.code]).toEqual(['cancelled', 'cancelled']);
    expect(worker().isTerminated).toBe(true);
    expect(client.getState()).toEqual({ phase: 'idle' });
    await ready();
    expect(client.getState().phase).toBe('ready');
  });

  test('unload during recovery stops it', async () => {
    const { client, clock, workers, worker, ready } = start();
    await ready();
    worker().die();
    await client.unload();
    await clock.advance(60_000);
    expect(workers).toHaveLength(1);
    expect(client.getState()).toEqual({ phase: 'idle' });
  });

  test('disposed, it does nothing any more', async () => {
    const { client, worker, ready, workers } = start();
    await ready();
    client.dispose();
    expect(worker().isTerminated).toBe(true);
    await expect(client.load('m')).rejects.toMatchObject({ code: 'cancelled' });
    expect(workers).toHaveLength(1);
  });
});

describe('the device report', () => {
  test("is the worker's, whose worker then serves the load", async () => {
    const { client, workers, ready } = start();
    await expect(client.report()).resolves.toMatchObject({ userAgent: 'worker' });
    expect(client.getState()).toEqual({ phase: 'idle' });
    await ready();
    expect(workers).toHaveLength(1);
  });

  test("is the page's own where the worker dies or hangs", async () => {
    const { client, clock, worker } = start();
    const report = client.report();
    worker().isHung = true;
    const hung = client.report();
    await clock.advance(DEFAULT_TIMING.hangAfterMs);
    await expect(report).resolves.toMatchObject({ userAgent: 'worker' });
    await expect(hung).resolves.toMatchObject({ userAgent: 'page' });
    const dying = client.report();
    worker().die();
    await expect(dying).resolves.toMatchObject({ userAgent: 'page' });
  });
});
