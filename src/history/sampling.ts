/** Sampling settings in range, wherever they come from: a form, an old row, an import. */
import { DEFAULT_SAMPLING, SAMPLING_LIMITS } from '../shared/types.ts';
import type { SamplingSettings } from '../shared/types.ts';

/** Values out of range go to the nearest limit, values that are no numbers to the default; whole tokens and seeds. */
export function clampSampling(sampling: Partial<Record<keyof SamplingSettings, unknown>>): SamplingSettings {
  const clamp = (name: keyof SamplingSettings, fallback: number) => {
    const value = sampling[name];
    const { min, max } = SAMPLING_LIMITS[name];
    return typeof value === 'number' && !Number.isNaN(value) ? Math.min(max, Math.max(min, value)) : fallback;
  };
  return {
    temperature: clamp('temperature', DEFAULT_SAMPLING.temperature),
    topP: clamp('topP', DEFAULT_SAMPLING.topP),
    frequencyPenalty: clamp('frequencyPenalty', DEFAULT_SAMPLING.frequencyPenalty),
    presencePenalty: clamp('presencePenalty', DEFAULT_SAMPLING.presencePenalty),
    repetitionPenalty: clamp('repetitionPenalty', DEFAULT_SAMPLING.repetitionPenalty),
    maxTokens: Math.round(clamp('maxTokens', DEFAULT_SAMPLING.maxTokens)),
    ...(typeof sampling.seed === 'number' && !Number.isNaN(sampling.seed)
      ? { seed: Math.round(clamp('seed', 0)) }
      : {}),
  };
}
