/**
 * Where a load gets its weights from:
 *
 *   not to be kept -------------------------> made of the package, in memory
 *   kept, whole and of this package --------> read and verified
 *   else -----------------------------------> made of the package, in memory; and kept, where that works
 */
import { lockWeights, readWeights } from '../../../packages/keptWeights.ts';
import type { Release, WeightsKey } from '../../../packages/keptWeights.ts';
import { WeightsWriter } from '../../../packages/worker/weightsWriter.ts';
import type { LoadedModel } from '../../shared/api.ts';
import type { ReadOptions } from '../../../packages/reader.ts';
import type { ProgressMeter } from '../progress.ts';
import type { OpenPackage } from './package.ts';

export interface Weights {
  /** GGUF. */
  readonly files: readonly Blob[];
  readonly report: LoadedModel['weights'];
  /** Call it when the engine has taken the files in: until then nobody removes them. */
  readonly release: Release;
}

/**
 * @param key null: not to be kept
 * @param options tell the meter what was read
 * @throws HypnosError 'cancelled' and as OpenPackage.weights
 */
export async function getWeights(
  opened: OpenPackage,
  key: WeightsKey | null,
  meter: ProgressMeter,
  options: ReadOptions,
): Promise<Weights> {
  const made = { release: () => Promise.resolve() };
  if (!key) {
    meter.begin('weights', opened.weightBytes);
    return { ...made, files: await opened.weights(options), report: undefined };
  }
  const started = performance.now();
  const seconds = (besides = 0) => (performance.now() - started - besides) / 1000;
  const release = await lockWeights(key.id, 'shared');
  if (release) {
    meter.begin('kept-weights', opened.weightBytes);
    const kept = await readWeights(key, options).catch(async (error: unknown) => {
      await release();
      throw error;
    });
    if (kept)
      return { files: opened.withHeaders(kept), report: { kept: 'read', seconds: seconds() }, release };
    await release();
  }
  meter.begin('weights', opened.weightBytes);
  let keeping = performance.now() - started; // looking for what is not there
  const timed = async <Value>(action: Promise<Value>): Promise<Value> => {
    const begun = performance.now();
    const value = await action;
    keeping += performance.now() - begun;
    return value;
  };
  const writer = await timed(WeightsWriter.open(key));
  try {
    const files = await opened.weights(options, async ({ file, bytes }) => {
      if (writer) await timed(writer.write(file, bytes));
    });
    const outcome = (writer && (await timed(writer.commit()))) ?? 'failed';
    const kept = ({ kept: 'written', 'no-room': 'no-room', failed: 'not-kept' } as const)[outcome];
    return { ...made, files, report: { kept, seconds: seconds(keeping) } };
  } catch (error) {
    await writer?.abandon();
    throw error;
  }
}
