/** What the composer and the empty screen say about the model, from the stores' states. No React, no words. */
import type { CodedError } from '../../shared/errors.ts';
import type { LoadProgress, ModelState } from '../../state/types.ts';
import { findObstacle, type DeviceProblem } from '../device/problem.ts';

export type ModelStatus =
  | { readonly kind: 'ready' }
  /** A question asked now is stored and answered when the model is ready. */
  | { readonly kind: 'preparing' }
  | { readonly kind: 'loading' | 'recovering'; readonly progress: LoadProgress }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'no-device'; readonly problem: DeviceProblem }
  | { readonly kind: 'no-package' }
  | { readonly kind: 'failed'; readonly error: CodedError };

type Facts = Pick<ModelState, 'engine' | 'lease' | 'device' | 'packages' | 'packagesLoaded' | 'error'>;

export function modelStatus({ engine, lease, device, packages, packagesLoaded, error }: Facts): ModelStatus {
  const problem = findObstacle(device, engine);
  if (problem) return { kind: 'no-device', problem };
  if (engine.phase === 'ready' || engine.phase === 'generating') return { kind: 'ready' };
  if (lease === 'waiting') return { kind: 'elsewhere' };
  if (engine.phase === 'loading' || engine.phase === 'recovering')
    return { kind: engine.phase, progress: engine.progress };
  if (engine.phase === 'failed') return { kind: 'failed', error: engine.error };
  if (packagesLoaded && packages.length === 0)
    return error ? { kind: 'failed', error } : { kind: 'no-package' };
  return { kind: 'preparing' };
}

/** Whether a question may be sent: where the model is not ready yet it waits for it. */
export const canAsk = (status: ModelStatus): boolean =>
  status.kind === 'ready' ||
  status.kind === 'preparing' ||
  status.kind === 'loading' ||
  status.kind === 'recovering';
