/** What the CPU engine measured of this device, kept between visits; the engine itself judges whether it still holds. */
import type { LoadOptions, ThreadMeasurement } from '../engine/shared/api.ts';

const KEY = 'hypnos.threads';

/** Load options: nothing known, or storage blocked, nothing said. */
export function knownThreads(): Pick<LoadOptions, 'threadMeasurement'> {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<ThreadMeasurement> | null;
    const isWhole =
      Number.isInteger(value?.threads) &&
      (value?.threads ?? 0) > 0 &&
      typeof value?.tokensPerSecond === 'number' &&
      typeof value.cores === 'number' &&
      typeof value.engineVersion === 'string';
    return isWhole ? { threadMeasurement: value as ThreadMeasurement } : {};
  } catch {
    return {};
  }
}

export function keepThreads(measured: ThreadMeasurement): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(measured));
  } catch {
    // Storage is blocked: it is measured again at the next visit.
  }
}
