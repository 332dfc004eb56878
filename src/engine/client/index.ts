/** The page's engine: a supervised worker. */
import { systemClock } from '../../platform/clock.ts';
import { reportDevice } from '../../platform/webgpu.ts';
import { EngineSupervisor } from './supervisor.ts';
import type { SupervisorOptions } from './supervisor.ts';
import type { EngineClient } from './types.ts';
import { spawnEngineWorker } from './worker.ts';

export type { EngineClient, EngineState, GenerateHandlers } from './types.ts';

/** Starts nothing yet: the worker is spawned by the first `report` or `load`. */
export function createEngineClient(
  options: Pick<SupervisorOptions, 'locate' | 'loadOptions' | 'timing'>,
): EngineClient {
  return new EngineSupervisor({
    spawn: spawnEngineWorker,
    clock: systemClock,
    reportWithoutWorker: () => reportDevice(globalThis),
    ...options,
  });
}
