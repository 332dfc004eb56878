/**
 * What the CPU engine measured of this device, kept between visits; the engine itself judges whether it still holds.
 *
 *   an answer ends -> a pause of PAUSE_MS -> engine.measureThreads() -> kept for the next load
 *
 * So nobody waits for it: the first answer comes first, and a question ends a measurement at once.
 */
import type { EngineClient } from '../engine/client/types.ts';
import type { LoadOptions, ThreadMeasurement } from '../engine/shared/api.ts';
import type { Clock } from '../platform/clock.ts';

const KEY = 'hypnos.threads';
/** Shapes of packages that are remembered. */
const KEPT = 8;
/** After an answer: whoever wants to ask again soon shall find the processor free. */
export const PAUSE_MS = 5_000;

function isMeasurement(value: unknown): value is ThreadMeasurement {
  const read = value as Partial<ThreadMeasurement> | null;
  return (
    Number.isInteger(read?.threads) &&
    (read?.threads ?? 0) > 0 &&
    typeof read?.tokensPerSecond === 'number' &&
    typeof read.cores === 'number' &&
    typeof read.shape === 'string' &&
    typeof read.engineVersion === 'string'
  );
}

function readKept(): readonly ThreadMeasurement[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return Array.isArray(value) ? value.filter(isMeasurement) : [];
  } catch {
    return [];
  }
}

/** Load options: nothing known, or storage blocked, nothing said. */
export function knownThreads(): Pick<LoadOptions, 'threadMeasurements'> {
  const threadMeasurements = readKept();
  return threadMeasurements.length > 0 ? { threadMeasurements } : {};
}

export function keepThreads(measured: ThreadMeasurement): void {
  const others = readKept().filter(({ shape }) => shape !== measured.shape);
  try {
    localStorage.setItem(KEY, JSON.stringify([measured, ...others].slice(0, KEPT)));
  } catch {
    // Storage is blocked: it is measured again at the next visit.
  }
}

/** Measures after an answer, once it is quiet, what the model runs without. @returns a function that ends this */
export function measureWhenIdle(
  engine: Pick<EngineClient, 'getState' | 'subscribe' | 'measureThreads'>,
  clock: Pick<Clock, 'after'>,
): () => void {
  let cancelPause: (() => void) | null = null;
  let hasAnswered = engine.getState().phase === 'generating';
  const stop = engine.subscribe((state) => {
    cancelPause?.();
    cancelPause = null;
    if (state.phase !== 'ready') {
      hasAnswered = state.phase === 'generating';
      return;
    }
    if (!hasAnswered || state.model.engine !== 'wllama' || state.model.threadMeasurement) return;
    cancelPause = clock.after(PAUSE_MS, () => {
      engine.measureThreads().then(
        (measured) => {
          if (measured) keepThreads(measured);
        },
        () => {
          // The engine cannot: the guess holds.
        },
      );
    });
  });
  return () => {
    cancelPause?.();
    stop();
  };
}
