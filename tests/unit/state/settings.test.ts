import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clampSampling } from '../../../src/history/sampling.ts';
import { DEFAULT_SAMPLING, SAMPLING_LIMITS } from '../../../src/shared/types.ts';
import { DEFAULT_SETTINGS, createSettingsStore, parseSettings } from '../../../src/state/settings.ts';
import { memoryStorage } from './support.ts';

const KEY = 'hypnos.settings';

describe('settings', () => {
  it('are kept, and read again by the next page', () => {
    const storage = memoryStorage();
    createSettingsStore(storage).getState().update({ locale: 'en', theme: 'dark', systemPrompt: '简洁' });
    expect(createSettingsStore(storage).getState()).toMatchObject({
      locale: 'en',
      theme: 'dark',
      systemPrompt: '简洁',
      sendKey: 'enter',
    });
  });

  it('a field that is broken falls back alone', () => {
    const parsed = parseSettings(
      JSON.stringify({
        locale: 'en',
        theme: 'purple',
        systemPrompt: 7,
        sampling: { temperature: 9, topP: 'x' },
      }),
    );
    expect(parsed).toEqual({
      ...DEFAULT_SETTINGS,
      locale: 'en',
      sampling: { ...DEFAULT_SAMPLING, temperature: 2 },
    });
  });

  it('any stored text at all gives valid settings', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const settings = parseSettings(text);
        expect(['zh-CN', 'en']).toContain(settings.locale);
        expect(['system', 'light', 'dark']).toContain(settings.theme);
        expect(typeof settings.systemPrompt).toBe('string');
        expect(clampSampling(settings.sampling)).toEqual(settings.sampling);
      }),
    );
  });

  it('change here when another tab changes them, and go back to the defaults', () => {
    const storage = memoryStorage();
    const store = createSettingsStore(storage);
    storage.changeElsewhere(KEY, JSON.stringify({ locale: 'en' }));
    expect(store.getState().locale).toBe('en');
    store.getState().reset();
    expect(store.getState()).toMatchObject(DEFAULT_SETTINGS);
    expect(storage.values.has(KEY)).toBe(false);
  });

  it('clamp sampling and the length of the system prompt', () => {
    const store = createSettingsStore(memoryStorage());
    store.getState().update({
      sampling: { ...DEFAULT_SAMPLING, temperature: -1, maxTokens: 1e9, seed: -5 },
      systemPrompt: 'x'.repeat(30_000),
    });
    expect(store.getState().sampling).toMatchObject({ temperature: 0, maxTokens: 4096, seed: 0 });
    expect(store.getState().systemPrompt).toHaveLength(20_000);
  });
});

it('sampling is in range after clamping, whatever it was, and clamping again changes nothing', () => {
  const value = fc.oneof(fc.double(), fc.string(), fc.constant(null), fc.constant(undefined));
  const settings = fc.record({
    temperature: value,
    topP: value,
    frequencyPenalty: value,
    presencePenalty: value,
    repetitionPenalty: value,
    maxTokens: value,
    seed: value,
  });
  fc.assert(
    fc.property(settings, (raw) => {
      const clamped = clampSampling(raw);
      for (const [name, { min, max }] of Object.entries(SAMPLING_LIMITS)) {
        const found = clamped[name as keyof typeof SAMPLING_LIMITS];
        if (found === undefined) expect(name).toBe('seed');
        else {
          expect(found).toBeGreaterThanOrEqual(min);
          expect(found).toBeLessThanOrEqual(max);
        }
      }
      expect(Number.isInteger(clamped.maxTokens)).toBe(true);
      expect(clampSampling(clamped)).toEqual(clamped);
    }),
  );
});
