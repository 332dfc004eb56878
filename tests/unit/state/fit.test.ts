/** What the screens say of the engine before and while it runs. */
import { describe, expect, it } from 'vitest';
import { ENGINE_LIMITS } from '../../../src/packages/library.ts';
import { likelyEngine } from '../../../src/state/fit.ts';
import type { DeviceReport, EngineState, PackageFacts } from '../../../src/state/types.ts';
import { MODEL } from './support.ts';

const libraries: PackageFacts['libraries'] = [
  {
    path: 'm.wasm',
    target: 'gpu',
    requires: { features: ['shader-f16'], max_buffer_bytes: 2 ** 20, vram_mb: 100 },
  },
];
const device = (change: Partial<NonNullable<DeviceReport['adapter']>> | null): DeviceReport => ({
  userAgent: '',
  hasWebGpu: true,
  isSecureContext: true,
  adapter: change && {
    vendor: '',
    architecture: '',
    description: '',
    isFallback: false,
    features: ['shader-f16'],
    limits: ENGINE_LIMITS,
    ...change,
  },
  hardwareConcurrency: 4,
  deviceMemoryGiB: 8,
});
const idle: EngineState = { phase: 'idle' };
const runs = (engine: 'web-llm' | 'wllama'): EngineState => ({ phase: 'ready', model: { ...MODEL, engine } });

describe('the engine that a screen speaks of', () => {
  it.each([
    ['the one that runs, whatever the device', runs('wllama'), 'auto', device({}), 'wllama'],
    ['the one that runs, emulated or not', runs('web-llm'), 'auto', device({ isFallback: true }), 'web-llm'],
    ['the one that was chosen', idle, 'web-llm', device({ isFallback: true }), 'web-llm'],
    [
      'the processor where the graphics processor is emulated',
      idle,
      'auto',
      device({ isFallback: true }),
      'wllama',
    ],
    ['the processor where there is no adapter', idle, 'auto', device(null), 'wllama'],
    ['the graphics processor', idle, 'auto', device({}), 'web-llm'],
    ['none before the device is known', idle, 'auto', null, null],
  ] as const)('is %s', (_name, engine, preference, of, expected) => {
    expect(likelyEngine(null, { engine, preference, device: of })).toBe(expected);
  });

  it('is the processor for a package that asks for more than the adapter has', () => {
    const now = {
      engine: idle,
      preference: 'auto',
      device: device({ features: [] }),
    } as const;
    expect(likelyEngine({ libraries }, now)).toBe('wllama');
    expect(likelyEngine({ libraries }, { ...now, device: device({}) })).toBe('web-llm');
  });
});
