/** The records for the screens; a chunk that comes with them, not with the page. */
import { Records } from '../records/records.ts';

export { doneTimes, endedAt } from '../records/run.ts';
export type { CrisisEvent, CrisisRun, DoseRecord, RunWithEvents } from '../records/types.ts';

/** One connection per page. */
export const records = new Records();
