/**
 * The search worker: holds the index, answers queries.
 *
 * The cards' segment is built once per library version and kept in IndexedDB, as are the documents'. Before each query
 * one number is read from the database: whether documents came or went, in this tab or another.
 */
import * as Comlink from 'comlink';
import { HypnosError } from '../../shared/errors.ts';
import type { Result } from '../../shared/errors.ts';
import type { LibraryHit, SearchApi } from '../api.ts';
import { LibraryDatabase } from '../db.ts';
import { answerPassages, buildCardSegment, CARDS, marksOf, SearchEngine } from '../engine.ts';
import type { RankedPassage } from '../engine.ts';
import { readLibrary } from '../load.ts';
import type { Passage } from '../passages.ts';
import { SEGMENT_FORMAT } from '../segment.ts';

const HITS_PER_DOCUMENT = 3;

const database = new LibraryDatabase();
/** Written while the database was replaced or newer: what it says of documents is read again. */
let revision = -1;
let engine: Promise<SearchEngine> | null = null;

// Another tab erases or upgrades: let go, and open again at the next query.
database.on('versionchange', () => {
  database.close({ disableAutoOpen: false });
  revision = -1;
  return false;
});

async function openEngine(): Promise<SearchEngine> {
  const baseUrl = new URL(self.name || '../library/', self.location.href).href;
  const { index, cards } = await readLibrary({ baseUrl, fetch: (url) => fetch(url) });
  const all = [...cards.values()];
  const version = [SEGMENT_FORMAT, ...index.files.map(({ sha256 }) => sha256)].join(' ');
  const kept = await database.segments.get(CARDS).catch(() => undefined);
  if (kept?.version === version) return new SearchEngine(all, kept.segment);
  const segment = buildCardSegment(all);
  // Searching works without; a full disk only means building again.
  await database.segments.put({ id: CARDS, version, segment }).catch(() => undefined);
  return new SearchEngine(all, segment);
}

async function current(): Promise<SearchEngine> {
  engine ??= openEngine().catch((error: unknown) => {
    engine = null;
    throw error;
  });
  const opened = await engine;
  const latest = (await database.meta.get('revision').catch(() => undefined))?.value ?? 0;
  if (latest !== revision) {
    const ids = await database.documents.toCollection().primaryKeys();
    for (const id of opened.documents) if (!ids.includes(id)) opened.delete(id);
    const missing = ids.filter((id) => !opened.documents.includes(id));
    for (const [at, row] of (await database.segments.bulkGet(missing)).entries())
      if (row?.segment.format === SEGMENT_FORMAT) opened.put(missing[at] ?? '', row.segment);
    revision = latest;
  }
  return opened;
}

async function passagesOf(
  opened: SearchEngine,
  ranked: readonly RankedPassage[],
): Promise<readonly (Passage | undefined)[]> {
  const rows = await database.passages.bulkGet(
    ranked
      .filter(({ segment }) => segment !== CARDS)
      .map(({ segment, place }) => [segment, place] as [string, number]),
  );
  let at = 0;
  return ranked.map(({ segment, place }) => (segment === CARDS ? opened.cardPassages[place] : rows[at++]));
}

async function coded<Value>(work: () => Promise<Value>): Promise<Result<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: HypnosError.from(error).toCoded() };
  }
}

const api: SearchApi = {
  search: (query, limit) =>
    coded(async () => {
      const opened = await current();
      const ranking = opened.rank(query, limit * 12);
      const counts = new Map<string, number>();
      const kept: RankedPassage[] = [];
      for (const ranked of ranking.passages) {
        const passage = ranked.segment === CARDS ? opened.cardPassages[ranked.place] : undefined;
        const subject = passage?.anchor.kind === 'card' ? passage.anchor.cardId : ranked.segment;
        const count = counts.get(subject) ?? 0;
        if (count >= (passage ? 1 : HITS_PER_DOCUMENT)) continue;
        counts.set(subject, count + 1);
        kept.push(ranked);
        if (kept.length >= limit) break;
      }
      const passages = await passagesOf(opened, kept);
      const hits = kept.flatMap((ranked, index): LibraryHit[] => {
        const passage = passages[index];
        return passage ? [{ passage, score: ranked.score, marks: marksOf(passage.text, ranking.terms) }] : [];
      });
      return { hits, total: opened.size };
    }),
  retrieve: (question, context, limit) =>
    coded(async () => {
      const opened = await current();
      const ranking = opened.sources(question, limit, context);
      const passages = await passagesOf(opened, ranking.passages);
      return answerPassages(
        passages.filter((passage) => passage !== undefined),
        ranking.terms,
      );
    }),
};
Comlink.expose(api);
