import 'fake-indexeddb/auto';
import { Dexie } from 'dexie';
import { afterEach, expect, test } from 'vitest';
import { RecordsDatabase } from '../../../src/records/db.ts';
import { Records } from '../../../src/records/records.ts';
import { doneTimes, endedAt } from '../../../src/records/run.ts';
import type { CrisisEvent, DoseRecord, RunWithEvents } from '../../../src/records/types.ts';

const NAME = 'records-test';
let records = new Records({ name: NAME, now: () => 1000 });
afterEach(async () => {
  records.close();
  await Dexie.delete(NAME);
  records = new Records({ name: NAME, now: () => 1000 });
});

const DOSE = {
  version: 'test',
  calculation: 'fluids',
  drug: null,
  verdict: 'clear',
  inputs: [],
  results: [{ name: 'maintenance-rate', value: 40, unit: 'mL/h', rounding: 'nearest' }],
  worked: [],
  formulas: ['four-two-one'],
  sources: ['holliday-segar-1957'],
  findings: [],
  reason: null,
} satisfies Omit<DoseRecord, 'id' | 'at'>;

const event = (id: string, at: number, kind: CrisisEvent['kind'], stepId: string | null): CrisisEvent => ({
  id,
  runId: 'run',
  at,
  kind,
  stepId,
  stepText: stepId,
});

test('a record cannot be changed, overwritten or deleted; erasing everything takes it away', async () => {
  const stored = await records.addDose(DOSE);
  const other = new RecordsDatabase(NAME);
  await expect(other.doses.update(stored.id, { reason: 'changed' })).rejects.toThrow();
  await expect(other.doses.put({ ...stored, reason: 'changed' })).rejects.toThrow();
  await expect(other.doses.add({ ...stored, reason: 'changed' })).rejects.toThrow();
  await expect(other.doses.delete(stored.id)).rejects.toThrow();
  await expect(other.doses.clear()).rejects.toThrow();
  expect(await other.doses.toArray()).toEqual([stored]);
  other.close();
  await records.erase();
  const after = new RecordsDatabase(NAME);
  expect(await after.doses.count()).toBe(0);
  after.close();
});

test('the export holds doses and runs with their events', async () => {
  const stored = await records.addDose(DOSE);
  const run = { id: 'run', cardId: 'crisis-x', cardTitle: 'x', cardVersion: '1.0.0', startedAt: 900 };
  await records.startRun(run);
  await records.addEvent(event('b', 950, 'tick', 'call'));
  await records.addEvent(event('a', 990, 'end', null));
  const content = JSON.parse(await (await records.exportJson()).text()) as {
    doses: unknown[];
    crises: RunWithEvents[];
  };
  expect(content.doses).toEqual([stored]);
  expect(content.crises).toEqual([
    { run, events: [event('b', 950, 'tick', 'call'), event('a', 990, 'end', null)] },
  ]);
});

test('ticks taken back are no ticks; repeats add times', () => {
  const events = [
    event('1', 1, 'tick', 'a'),
    event('2', 2, 'tick', 'b'),
    event('3', 3, 'untick', 'a'),
    event('4', 4, 'repeat', 'b'),
  ];
  expect([...doneTimes(events)]).toEqual([['b', [2, 4]]]);
  expect(endedAt({ events })).toBeNull();
  expect(endedAt({ events: [...events, event('5', 5, 'end', null)] })).toBe(5);
});
