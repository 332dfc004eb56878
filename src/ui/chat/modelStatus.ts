/** What the composer and the empty screen say about the model, from the stores' states. No React, no words. */
import type { CodedError } from '../../shared/errors.ts';
import type { LoadProgress, ModelState, PackageSummary } from '../../state/types.ts';
import { findObstacle, type DeviceProblem } from '../device/problem.ts';

export type ModelStatus =
  | { readonly kind: 'ready' }
  /** A question asked now is stored and answered when the model is ready. */
  | { readonly kind: 'preparing' }
  | { readonly kind: 'loading' | 'recovering'; readonly progress: LoadProgress }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'no-device'; readonly problem: DeviceProblem }
  /** None is loaded until somebody asks for it; a question asks for the default one. */
  | { readonly kind: 'unloaded' | 'no-package'; readonly missing: PackageSummary | null }
  | { readonly kind: 'failed'; readonly error: CodedError };

type Facts = Pick<
  ModelState,
  'engine' | 'lease' | 'device' | 'packages' | 'packagesLoaded' | 'wanted' | 'missing' | 'error'
>;

export function modelStatus(facts: Facts): ModelStatus {
  const { engine, lease, device, packages, packagesLoaded, wanted, missing, error } = facts;
  const problem = findObstacle(device, engine);
  if (problem) return { kind: 'no-device', problem };
  if (engine.phase === 'ready' || engine.phase === 'generating') return { kind: 'ready' };
  if (lease === 'waiting') return { kind: 'elsewhere' };
  if (engine.phase === 'loading' || engine.phase === 'recovering')
    return { kind: engine.phase, progress: engine.progress };
  if (engine.phase === 'failed') return { kind: 'failed', error: engine.error };
  if (packagesLoaded && packages.length === 0)
    return error ? { kind: 'failed', error } : { kind: 'no-package', missing };
  if (packagesLoaded && lease === 'held' && !wanted) return { kind: 'unloaded', missing };
  return { kind: 'preparing' };
}

/** Whether a question may be sent: where the model is not ready yet it waits for it. */
export const canAsk = (status: ModelStatus): boolean =>
  status.kind === 'ready' ||
  status.kind === 'preparing' ||
  status.kind === 'unloaded' ||
  status.kind === 'loading' ||
  status.kind === 'recovering';
