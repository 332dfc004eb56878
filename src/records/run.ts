/** What a run's events amount to. */
import type { CrisisEvent, RunWithEvents } from './types.ts';

/** When each ticked step was done, first to last; steps not ticked (any more) are absent. */
export function doneTimes(events: readonly CrisisEvent[]): ReadonlyMap<string, readonly number[]> {
  const done = new Map<string, readonly number[]>();
  for (const { kind, stepId, at } of events) {
    if (stepId === null) continue;
    if (kind === 'untick') done.delete(stepId);
    else done.set(stepId, [...(done.get(stepId) ?? []), at]);
  }
  return done;
}

export const endedAt = ({ events }: Pick<RunWithEvents, 'events'>): number | null =>
  events.find(({ kind }) => kind === 'end')?.at ?? null;
