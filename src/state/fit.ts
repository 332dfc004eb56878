/** What this device makes of a package before it is loaded. */
import { chooseLibrary } from '../packages/library.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError } from '../shared/errors.ts';
import type { DeviceReport, EngineName, EnginePreference, EngineState, PackageFacts } from './types.ts';

export interface Fit {
  /** Which library would run; null where none can. */
  readonly library: PackageFacts['libraries'][number] | null;
  readonly obstacle: CodedError | null;
  /** The manifest's need against the browser's (rounded, capped at 8 GiB) report of memory: a hint, no refusal. */
  readonly shortOfMemory: { readonly neededBytes: number; readonly offeredBytes: number } | null;
}

const REPORTED_AT_MOST_GIB = 8;

/** null until the device is known. */
export function fitOf(facts: Pick<PackageFacts, 'libraries'>, device: DeviceReport | null): Fit | null {
  if (!device?.adapter) return null;
  try {
    const library = chooseLibrary(facts, device.adapter);
    const neededBytes = library.requires.vram_mb * 2 ** 20;
    const gib = device.deviceMemoryGiB;
    const offeredBytes = gib === null || gib >= REPORTED_AT_MOST_GIB ? Infinity : gib * 2 ** 30;
    return {
      library,
      obstacle: null,
      shortOfMemory: neededBytes > offeredBytes / 2 ? { neededBytes, offeredBytes } : null,
    };
  } catch (error) {
    return { library: null, obstacle: HypnosError.from(error).toCoded(), shortOfMemory: null };
  }
}

/**
 * The engine that runs, else the one that the engines' own choice (src/engine/worker/choice.ts) will take.
 * @param facts of the package in question; null: of any
 * @returns null until the device is known
 */
export function likelyEngine(
  facts: Pick<PackageFacts, 'libraries'> | null,
  now: {
    readonly engine: EngineState;
    readonly preference: EnginePreference;
    readonly device: DeviceReport | null;
  },
): EngineName | null {
  const { engine, preference, device } = now;
  if (engine.phase === 'ready' || engine.phase === 'generating') return engine.model.engine;
  if (preference !== 'auto') return preference;
  if (!device) return null;
  if (!device.adapter || device.adapter.isFallback) return 'wllama';
  return facts && fitOf(facts, device)?.obstacle ? 'wllama' : 'web-llm';
}
