/**
 * The database of records. FROZEN once released: a new version gets a line here and its upgrade.
 *   1  doses, runs, events
 */
import { Dexie } from 'dexie';
import type { Table } from 'dexie';
import { HypnosError } from '../shared/errors.ts';
import type { CrisisEvent, CrisisRun, DoseRecord } from './types.ts';

export const RECORDS_DATABASE = 'hypnos-records';

export class RecordsDatabase extends Dexie {
  declare readonly doses: Table<DoseRecord, string>;
  declare readonly runs: Table<CrisisRun, string>;
  declare readonly events: Table<CrisisEvent, string>;

  constructor(name: string = RECORDS_DATABASE) {
    // A resolved write survives a power cut, not only the death of the tab.
    super(name, { chromeTransactionDurability: 'strict', cache: 'disabled' });
    this.version(1).stores({
      doses: 'id, at',
      runs: 'id, startedAt, cardId',
      events: 'id, [runId+at]',
    });
    for (const table of [this.doses, this.runs, this.events]) {
      table.hook('updating', refuseChange);
      table.hook('deleting', refuseChange);
    }
  }
}

function refuseChange(): never {
  throw new TypeError('records are only added, never changed or deleted');
}

/** What IndexedDB threw, as a code. */
export function explain(error: unknown): HypnosError {
  if (error instanceof HypnosError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const code = text.includes('QuotaExceeded') ? 'storage-quota-exceeded' : 'storage-unavailable';
  return new HypnosError(code, { message: text }, { cause: error });
}
