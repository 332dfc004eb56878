/** Adding to the records, reading and exporting them. Every failure is a HypnosError ('storage-…'). */
import { liveQuery } from 'dexie';
import { explain, RecordsDatabase } from './db.ts';
import { endedAt } from './run.ts';
import type { CrisisEvent, CrisisRun, DoseRecord, RunWithEvents } from './types.ts';

/** A run that was left open is taken up again for so long. */
const RESUME_MS = 12 * 60 * 60 * 1000;
export const RECORDS_FORMAT = 'hypnos-records/1';

/** Unsaved parts of a row: the store gives id and time. */
type Fresh<Row> = Omit<Row, 'id' | 'at'>;

export class Records {
  readonly #database: RecordsDatabase;
  readonly #now: () => number;

  constructor(options: { readonly name?: string; readonly now?: () => number } = {}) {
    this.#database = new RecordsDatabase(options.name);
    this.#now = options.now ?? Date.now;
  }

  async addDose(dose: Fresh<DoseRecord>): Promise<DoseRecord> {
    const record = { ...dose, id: crypto.randomUUID(), at: this.#now() };
    await this.#run(() => this.#database.doses.add(record));
    return record;
  }

  /** Rows come whole: the screen shows them before they are stored. */
  async startRun(run: CrisisRun): Promise<void> {
    await this.#run(() => this.#database.runs.add(run));
  }

  async addEvent(event: CrisisEvent): Promise<void> {
    await this.#run(() => this.#database.events.add(event));
  }

  /** The card's newest run that was not ended, if it is recent. Live in every tab. */
  watchOpenRun(
    cardId: string,
    listener: (found: RunWithEvents | null) => void,
    onError: (error: unknown) => void,
  ): () => void {
    return this.#watch(
      async () => {
        const runs = await this.#database.runs.where('cardId').equals(cardId).sortBy('startedAt');
        const run = runs.at(-1);
        if (!run || this.#now() - run.startedAt > RESUME_MS) return null;
        const events = await this.#eventsOf(run);
        return endedAt({ events }) === null ? { run, events } : null;
      },
      listener,
      onError,
    );
  }

  /** Newest first. Live in every tab. */
  watchRuns(
    listener: (runs: readonly RunWithEvents[]) => void,
    onError: (error: unknown) => void,
  ): () => void {
    return this.#watch(() => this.#runs(), listener, onError);
  }

  /** Newest first. Live in every tab. */
  watchDoses(
    listener: (doses: readonly DoseRecord[]) => void,
    onError: (error: unknown) => void,
  ): () => void {
    return this.#watch(() => this.#database.doses.orderBy('at').reverse().toArray(), listener, onError);
  }

  /** Everything, as one JSON document. */
  async exportJson(): Promise<Blob> {
    const content = await this.#run(async () => ({
      format: RECORDS_FORMAT,
      exportedAt: new Date(this.#now()).toISOString(),
      notice:
        '本记录由 Hypnos 在本机生成；算法与限值未经临床审核。 / Kept by Hypnos on this device; not clinically reviewed.',
      doses: await this.#database.doses.orderBy('at').toArray(),
      crises: await this.#runs(),
    }));
    return new Blob([JSON.stringify(content, null, 2)], { type: 'application/json' });
  }

  /** Deletes the database: the only way in which a record goes. Other tabs let go of it. */
  async erase(): Promise<void> {
    await this.#run(() => this.#database.delete({ disableAutoOpen: false }));
  }

  close(): void {
    this.#database.close();
  }

  async #runs(): Promise<RunWithEvents[]> {
    const runs = await this.#database.runs.orderBy('startedAt').reverse().toArray();
    return Promise.all(runs.map(async (run) => ({ run, events: await this.#eventsOf(run) })));
  }

  #eventsOf({ id }: CrisisRun): Promise<CrisisEvent[]> {
    return this.#database.events
      .where('[runId+at]')
      .between([id, 0], [id, Number.POSITIVE_INFINITY])
      .toArray();
  }

  async #run<Value>(work: () => PromiseLike<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw explain(error);
    }
  }

  #watch<Value>(
    query: () => Promise<Value>,
    listener: (value: Value) => void,
    onError: (error: unknown) => void,
  ): () => void {
    const subscription = liveQuery(query).subscribe({
      next: listener,
      error: (error) => {
        onError(explain(error));
      },
    });
    return () => {
      subscription.unsubscribe();
    };
  }
}
