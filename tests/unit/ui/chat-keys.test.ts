import { describe, expect, test } from 'vitest';
import type { DeviceReport, LoadProgress, PackageSummary } from '../../../src/state/types.ts';
import { canAsk, modelStatus } from '../../../src/ui/chat/modelStatus.ts';
import { parseSeed } from '../../../src/ui/chat/seed.ts';
import { isComposing, isSend, type KeyFacts } from '../../../src/ui/chat/sendKey.ts';

const enter: KeyFacts = {
  key: 'Enter',
  keyCode: 13,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
};

describe('isSend', () => {
  test.each([
    ['Enter', enter, true, false],
    ['Shift+Enter', { ...enter, shiftKey: true }, false, false],
    ['Ctrl+Enter', { ...enter, ctrlKey: true }, true, true],
    ['Cmd+Enter', { ...enter, metaKey: true }, true, true],
    ['Enter that chooses a candidate', { ...enter, isComposing: true }, false, false],
    ['the same in Safari', { ...enter, keyCode: 229 }, false, false],
    ['Ctrl+Enter while composing', { ...enter, ctrlKey: true, isComposing: true }, false, false],
    ['another key', { ...enter, key: 'a', keyCode: 65 }, false, false],
  ])('%s', (_name, event, byEnter, byCtrlEnter) => {
    expect(isSend(event, 'enter')).toBe(byEnter);
    expect(isSend(event, 'ctrl-enter')).toBe(byCtrlEnter);
  });

  test('isComposing knows both signs', () => {
    expect([isComposing(enter), isComposing({ ...enter, keyCode: 229 })]).toEqual([false, true]);
  });
});

describe('parseSeed', () => {
  test.each([
    ['', undefined],
    ['  ', undefined],
    ['42', 42],
    ['４２', 42],
    ['2147483647', 2_147_483_647],
    ['2147483648', null],
    ['-1', null],
    ['1.5', null],
    ['1e3', null],
    ['种子', null],
  ])('%j', (text, seed) => {
    expect(parseSeed(text)).toBe(seed);
  });
});

describe('modelStatus', () => {
  const device: DeviceReport = {
    userAgent: '',
    hasWebGpu: true,
    isSecureContext: true,
    adapter: { vendor: '', architecture: '', description: '', isFallback: false, features: [], limits: {} },
    hardwareConcurrency: 4,
    deviceMemoryGiB: 8,
  };
  const progress: LoadProgress = {
    stage: 'weights',
    fraction: 0.5,
    bytesDone: 1,
    bytesTotal: 2,
    bytesPerSecond: null,
    secondsLeft: null,
  };
  const model = {
    id: 'm',
    title: { zh: 'm', en: 'm' },
    contextWindowSize: 2048,
    library: 'gpu',
    engine: 'web-llm',
    engineReason: 'gpu-fits',
  } as const;
  const failure = { code: 'engine-load-failed', detail: {} } as const;
  const facts: Parameters<typeof modelStatus>[0] = {
    engine: { phase: 'idle' },
    lease: 'held',
    device,
    packages: [{ id: 'm' } as PackageSummary],
    packagesLoaded: true,
    wanted: true,
    missing: null,
    error: null,
  };

  test.each([
    ['preparing', true, {}],
    ['unloaded', true, { wanted: false }],
    ['preparing', true, { wanted: false, lease: 'unknown' }],
    ['ready', true, { engine: { phase: 'ready', model } }],
    ['ready', true, { engine: { phase: 'generating', model, generationId: 'g' } }],
    ['loading', true, { engine: { phase: 'loading', packageId: 'm', progress } }],
    ['recovering', true, { engine: { phase: 'recovering', packageId: 'm', cause: failure, progress } }],
    ['elsewhere', false, { lease: 'waiting' }],
    ['failed', false, { engine: { phase: 'failed', error: failure, packageId: 'm' } }],
    ['preparing', true, { device: { ...device, hasWebGpu: false } }],
    ['no-device', false, { device: { ...device, isSecureContext: false } }],
    [
      'no-device',
      false,
      { engine: { phase: 'failed', error: { code: 'webgpu-too-weak', detail: {} }, packageId: 'm' } },
    ],
    ['no-package', false, { packages: [], wanted: false }],
    ['failed', false, { packages: [], error: failure }],
    ['preparing', true, { packages: [], packagesLoaded: false }],
  ] satisfies [string, boolean, Partial<typeof facts>][])('%s', (kind, mayAsk, change) => {
    const status = modelStatus({ ...facts, ...change });
    expect(status.kind).toBe(kind);
    expect(canAsk(status)).toBe(mayAsk);
  });
});
