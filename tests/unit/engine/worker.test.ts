import { describe, expect, test } from 'vitest';
import { ARTIFACT_BASE, ArtifactCache, listShards } from '../../../src/engine/worker/artifacts.ts';
import { toHypnosError } from '../../../src/engine/worker/errors.ts';
import { DeviceWatch } from '../../../src/engine/worker/gpu.ts';
import { ProgressMeter } from '../../../src/engine/worker/progress.ts';
import type { LoadProgress } from '../../../src/engine/shared/api.ts';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import type { PackageReader } from '../../../src/packages/reader.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import { ManualClock, settle } from './fakeWorker.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function readerOf(files: Record<string, string>) {
  const reads: string[] = [];
  const manifest = { files: Object.keys(files).map((path) => ({ path })) } as unknown as PackageManifest;
  const reader = {
    manifest,
    has: (path: string) => path in files,
    file: (path: string) => {
      const text = files[path];
      if (text === undefined) throw new HypnosError('package-file-missing', { file: path });
      return { path, bytes: text.length, sha256: '' };
    },
    read: (path: string) => {
      reads.push(path);
      const text = files[path]!;
      return text === 'corrupt'
        ? Promise.reject(new HypnosError('package-file-corrupt'))
        : Promise.resolve(bytes(text));
    },
  };
  return { reader: reader as unknown as PackageReader, reads };
}

describe('ArtifactCache, as web-llm uses a cache', () => {
  const shards = ['s0', 's1', 's2', 's3', 's4'];
  const files = Object.fromEntries([...shards, 'tokenizer.json'].map((path) => [path, `"${path}"`]));
  const start = (change: Record<string, string> = {}) => {
    const { reader, reads } = readerOf({ ...files, ...change });
    const order = shards.map((path) => ({ path, bytes: 4 }));
    const cache = new ArtifactCache(reader, order, new Map([['tokenizer.json', bytes('"small"')]]), {});
    return { cache, reads };
  };
  const request = (path: string) => new Request(new URL(path, ARTIFACT_BASE));

  test('a match reads nothing; taking a shard reads it and the next two', async () => {
    const { cache, reads } = start();
    await cache.match(request('s0'));
    const found = await cache.match(request('s0'));
    expect(reads).toEqual([]);
    expect(new TextDecoder().decode(await found!.arrayBuffer())).toBe('"s0"');
    expect(reads).toEqual(['s0', 's1', 's2']);
    await (await cache.match(request('s1')))!.arrayBuffer();
    expect(reads).toEqual(['s0', 's1', 's2', 's3']);
    await (await cache.match(request('s4')))!.arrayBuffer();
    expect(reads).toEqual(['s0', 's1', 's2', 's3', 's4']);
  });

  test('small files come from memory', async () => {
    const { cache, reads } = start();
    await expect((await cache.match(request('tokenizer.json')))!.json()).resolves.toBe('small');
    expect(reads).toEqual([]);
  });

  test('every file of the package counts as kept, nothing else is there or can be added', async () => {
    const { cache } = start();
    const urls = (await cache.keys()).map(({ url }) => url);
    expect(urls).toContain(`${ARTIFACT_BASE}s3`);
    await expect(cache.match(request('elsewhere'))).resolves.toBeUndefined();
    await expect(cache.match('https://huggingface.co/x')).resolves.toBeUndefined();
    await expect(cache.add(request('elsewhere'))).rejects.toMatchObject({
      code: 'package-file-missing',
      detail: { file: 'elsewhere' },
    });
  });

  test('a shard that fails ahead of its time fails when it is taken', async () => {
    const { cache } = start({ s1: 'corrupt' });
    await (await cache.match(request('s0')))!.arrayBuffer();
    await settle();
    await expect((await cache.match(request('s1')))!.arrayBuffer()).rejects.toMatchObject({
      code: 'package-file-corrupt',
    });
  });
});

describe('listShards', () => {
  const { reader } = readerOf({ a: '1234', b: '12' });
  test('gives the shards in order', () => {
    const records = [
      { dataPath: 'b', nbytes: 2 },
      { dataPath: 'a', nbytes: 4 },
    ];
    expect(listShards({ records }, reader)).toEqual([
      { path: 'b', bytes: 2 },
      { path: 'a', bytes: 4 },
    ]);
  });
  test.each([
    [null, 'package-manifest-invalid'],
    [{ records: [] }, 'package-manifest-invalid'],
    [{ records: [{ nbytes: 4 }] }, 'package-manifest-invalid'],
    [{ records: [{ dataPath: 'a', nbytes: 5 }] }, 'package-manifest-invalid'],
    [{ records: [{ dataPath: '../a', nbytes: 4 }] }, 'package-file-missing'],
  ])('refuses %j', (tensorCache, code) => {
    expect(() => listShards(tensorCache, reader)).toThrow(expect.objectContaining({ code }));
  });
});

describe('errors', () => {
  const named = (name: string) => Object.assign(new Error('text'), { name });
  class GPUOutOfMemoryError {
    readonly message = 'too much';
  }
  test.each([
    [named('DeviceLostError'), 'gpu-device-lost'],
    [named('WebGPUNotAvailableError'), 'webgpu-unavailable'],
    [named('ShaderF16SupportError'), 'shader-f16-missing'],
    [new GPUOutOfMemoryError(), 'gpu-out-of-memory'],
    // What mapAsync says on a lost device: the device's own promise tells more.
    [
      new DOMException('A valid external Instance reference no longer exists.', 'AbortError'),
      'engine-load-failed',
    ],
    [new HypnosError('package-file-corrupt'), 'package-file-corrupt'],
    [new WebAssembly.LinkError('import'), 'engine-load-failed'],
    ['Engine.unload() is called.', 'engine-load-failed'],
    [null, 'engine-load-failed'],
    [undefined, 'engine-load-failed'],
  ])('%s', (error, code) => {
    expect(toHypnosError(error, 'engine-load-failed').code).toBe(code);
  });
});

describe('ProgressMeter', () => {
  test('bytes, speed and time left of each stage', async () => {
    const clock = new ManualClock();
    const reports: LoadProgress[] = [];
    const meter = new ProgressMeter((progress) => reports.push(progress), clock);
    meter.begin('manifest');
    meter.begin('weights', 1000);
    for (let index = 0; index < 10; index += 1) {
      await clock.advance(200);
      meter.addBytes(50);
    }
    expect(reports[0]).toMatchObject({ stage: 'manifest', fraction: null, bytesPerSecond: null });
    expect(reports[2]).toMatchObject({
      stage: 'weights',
      fraction: 0.05,
      bytesDone: 50,
      bytesPerSecond: null,
    });
    expect(reports.at(-1)).toEqual({
      stage: 'weights',
      fraction: 0.5,
      bytesDone: 500,
      bytesTotal: 1000,
      bytesPerSecond: 250,
      secondsLeft: 2,
    });
    meter.begin('ready');
    expect(reports.at(-1)).toMatchObject({ stage: 'ready', fraction: 1 });
  });

  test('a file read again counts once', async () => {
    const clock = new ManualClock();
    const reports: LoadProgress[] = [];
    const meter = new ProgressMeter((progress) => reports.push(progress), clock);
    meter.begin('weights', 100);
    for (const count of [60, -60, 60, 40]) {
      await clock.advance(1000);
      meter.addBytes(count);
    }
    expect(reports.at(-1)).toMatchObject({ bytesDone: 100, fraction: 1, secondsLeft: 0 });
  });

  test('the speed is that of the last seconds, and reports are few', async () => {
    const clock = new ManualClock();
    const reports: LoadProgress[] = [];
    const meter = new ProgressMeter((progress) => reports.push(progress), clock);
    meter.begin('weights', 1e9);
    for (let index = 0; index < 1000; index += 1) {
      await clock.advance(10);
      meter.addBytes(1000);
    }
    expect(reports.length).toBeLessThan(120);
    for (let index = 0; index < 100; index += 1) {
      await clock.advance(100);
      meter.addBytes(100);
    }
    expect(reports.at(-1)!.bytesPerSecond).toBeCloseTo(1000, -2);
  }, 60_000);
});

describe('DeviceWatch', () => {
  class OutOfMemory {
    readonly message = 'out of memory';
  }
  class Validation {
    readonly message = 'invalid dispatch';
  }
  Object.assign(globalThis, { GPUOutOfMemoryError: OutOfMemory });

  async function start() {
    let lose = (_: GPUDeviceLostInfo) => {};
    let raise = (_: { error: unknown }) => {};
    let scoped: unknown = null;
    const device = {
      lost: new Promise<GPUDeviceLostInfo>((resolve) => (lose = resolve)),
      addEventListener: (_type: string, listener: (event: { error: unknown }) => void) => (raise = listener),
      popErrorScope: () => Promise.resolve(scoped),
      createComputePipelineAsync: () => Promise.resolve({}),
    };
    const descriptors: GPUDeviceDescriptor[] = [];
    const adapter = {
      limits: { maxBufferSize: 600, maxStorageBufferBindingSize: 500 },
      requestDevice: (descriptor: GPUDeviceDescriptor) => {
        descriptors.push(descriptor);
        return Promise.resolve(device as unknown as GPUDevice);
      },
    };
    const requestAdapter = () => Promise.resolve(adapter as unknown as GPUAdapter);
    const gpu = { requestAdapter } as unknown as GPU;
    const failures: HypnosError[] = [];
    const pipelines: [number, number][] = [];
    const watch = new DeviceWatch(gpu, {
      onFailure: (error) => failures.push(error),
      onPipelines: (done, total) => pipelines.push([done, total]),
    });
    const found = await gpu.requestAdapter();
    const given = await found!.requestDevice({ requiredLimits: { maxBufferSize: 256, other: 1 } });
    return {
      watch,
      failures,
      pipelines,
      given,
      descriptors,
      gpu,
      lose: (reason: GPUDeviceLostReason = 'unknown') => {
        lose({ reason, message: 'why' } as GPUDeviceLostInfo);
        return settle();
      },
      raise: (error: unknown) => {
        raise({ error });
      },
      scope: (error: unknown) => {
        scoped = error;
        return given.popErrorScope();
      },
    };
  }

  test("asks for the adapter's own buffer limits", async () => {
    const { descriptors } = await start();
    expect(descriptors).toEqual([
      { requiredLimits: { maxBufferSize: 600, maxStorageBufferBindingSize: 500, other: 1 } },
    ]);
  });

  test('tells a lost device, once', async () => {
    const { watch, failures, lose, raise } = await start();
    expect(watch.failure).toBeNull();
    await lose();
    raise(new Validation());
    expect(failures).toMatchObject([
      { code: 'gpu-device-lost', detail: { reason: 'unknown', message: 'why' } },
    ]);
    expect(watch.failure).toBe(failures[0]);
  });

  test('tells one that was destroyed because memory ran out', async () => {
    const { failures, lose, scope } = await start();
    await scope(new OutOfMemory());
    await lose('destroyed');
    expect(failures).toMatchObject([{ code: 'gpu-out-of-memory' }]);
  });

  test('an uncaptured error is a failure: what follows would be wrong', async () => {
    const one = await start();
    one.raise(new Validation());
    expect(one.failures).toMatchObject([
      { code: 'gpu-device-lost', detail: { message: 'invalid dispatch' } },
    ]);
    const other = await start();
    other.raise(new OutOfMemory());
    expect(other.failures).toMatchObject([{ code: 'gpu-out-of-memory' }]);
  });

  test('released, it is silent and leaves the GPU as it was', async () => {
    const { watch, failures, lose, gpu } = await start();
    watch.release();
    await lose('destroyed');
    expect(failures).toEqual([]);
    const adapter = await gpu.requestAdapter();
    expect(adapter).not.toBeNull();
  });

  test('waits for the reason, which comes after the errors that it causes', async () => {
    const { watch, lose } = await start();
    await expect(watch.failureWithin(1)).resolves.toBeNull();
    const failure = watch.failureWithin(60_000);
    await lose();
    await expect(failure).resolves.toMatchObject({ code: 'gpu-device-lost' });
    await expect(watch.failureWithin(0)).resolves.toMatchObject({ code: 'gpu-device-lost' });
  });

  test('counts pipelines', async () => {
    const { given, pipelines } = await start();
    const descriptor = {} as GPUComputePipelineDescriptor;
    await Promise.all([
      given.createComputePipelineAsync(descriptor),
      given.createComputePipelineAsync(descriptor),
    ]);
    expect(pipelines).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });
});
