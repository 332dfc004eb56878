/**
 * Full-text search: an index in memory that holds every message's normalised text, scanned for the query's words.
 *
 * Chinese has no spaces to split at, so words are found as substrings. A scan needs no dictionary, finds any substring
 * exactly, and costs less than keeping postings: V8 searches about 1 GB/s, ten thousand messages in a few
 * milliseconds, while bigram postings in IndexedDB would take some hundred index entries per message.
 */
import type { ConversationId, Message, MessageId, Timestamp } from '../shared/types.ts';

/** Compatibility forms (full width, ligatures, ½) and letter case are the same to a reader. */
export function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

const MAX_QUERY_LENGTH = 200;
const MAX_TERMS = 16;

/** The query's words, normalised; each must occur. */
export function queryTerms(query: string): readonly string[] {
  const words = normalise(query.slice(0, MAX_QUERY_LENGTH))
    .split(/\s+/u)
    .filter((word) => word !== '');
  return [...new Set(words)].slice(0, MAX_TERMS);
}

export function containsAll(normalised: string, terms: readonly string[]): boolean {
  return terms.every((term) => normalised.includes(term));
}

export interface IndexedMessage {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  readonly createdAt: Timestamp;
  readonly text: string;
}

export class SearchIndex {
  readonly #entries = new Map<MessageId, IndexedMessage>();
  #newestFirst: IndexedMessage[] | null = null;

  get size(): number {
    return this.#entries.size;
  }

  put(message: Pick<Message, 'id' | 'conversationId' | 'createdAt' | 'text'>): void {
    this.#entries.set(message.id, {
      id: message.id,
      conversationId: message.conversationId,
      createdAt: message.createdAt,
      text: normalise(message.text),
    });
    this.#newestFirst = null;
  }

  delete(id: MessageId): void {
    if (this.#entries.delete(id)) this.#newestFirst = null;
  }

  clear(): void {
    this.#entries.clear();
    this.#newestFirst = null;
  }

  /** Messages that hold every term, newest first. */
  *find(terms: readonly string[]): Generator<IndexedMessage> {
    if (terms.length === 0) return;
    this.#newestFirst ??= [...this.#entries.values()].sort((a, b) => b.createdAt - a.createdAt);
    for (const entry of this.#newestFirst) if (containsAll(entry.text, terms)) yield entry;
  }
}

export interface Excerpt {
  readonly excerpt: string;
  readonly matches: readonly (readonly [start: number, end: number])[];
}

const BEFORE = 24;
const LENGTH = 120;

/**
 * The surroundings of the first match, on one line. Matches are found in the normalised text and told as ranges of
 * the original, whose characters may be more or fewer (ﬁ is two letters, e + U+0301 is one).
 */
export function excerptOf(text: string, terms: readonly string[]): Excerpt {
  const ranges = matchRanges(text, terms);
  const first = ranges[0];
  let start = Math.max(0, (first?.[0] ?? 0) - BEFORE);
  let end = Math.min(
    text.length,
    Math.max(start + LENGTH, first ? Math.min(first[1], start + 2 * LENGTH) : 0),
  );
  if (isLowSurrogate(text, start)) start -= 1;
  if (isLowSurrogate(text, end)) end += 1;
  const lead = start > 0 ? '…' : '';
  const tail = end < text.length ? '…' : '';
  const shift = lead.length - start;
  return {
    // One character for one: offsets stay.
    excerpt: lead + text.slice(start, end).replace(/\s/gu, ' ') + tail,
    matches: ranges
      .filter(([from]) => from >= start && from < end)
      .map(([from, to]) => [from + shift, Math.min(to, end) + shift]),
  };
}

const isLowSurrogate = (text: string, index: number) => {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
};

/** Where the terms occur in the original text: ascending, not overlapping. */
export function matchRanges(text: string, terms: readonly string[]): readonly (readonly [number, number])[] {
  const { normalised, rangeOf } = normaliseWithOrigins(text);
  const found: [number, number][] = [];
  for (const term of terms) {
    if (term === '') continue;
    for (let at = normalised.indexOf(term); at !== -1; at = normalised.indexOf(term, at + term.length))
      found.push([rangeOf(at)[0], rangeOf(at + term.length - 1)[1]]);
  }
  found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const merged: [number, number][] = [];
  for (const range of found) {
    const last = merged.at(-1);
    if (last && range[0] < last[1]) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}

interface Normalised {
  readonly normalised: string;
  /** The range of the original that a UTF-16 unit of the normalised text came from. */
  readonly rangeOf: (unit: number) => readonly [start: number, end: number];
}

/** Letters, Han and punctuation (half and full width) that normalise one unit to one: nearly every text. */
const UNIT_TO_UNIT = /^[\t\n\r -~\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e]*$/u;
/** A base and what normalisation may join to it: marks, half-width kana's voicing marks, Hangul jamo. */
const CLUSTER = /[\u1100-\u11ff]+|[^\p{M}\uff9e\uff9f][\p{M}\uff9e\uff9f]*|[\s\S]/gu;

function normaliseWithOrigins(text: string): Normalised {
  if (UNIT_TO_UNIT.test(text)) return { normalised: normalise(text), rangeOf: (unit) => [unit, unit + 1] };
  let normalised = '';
  const origins: (readonly [number, number])[] = [];
  for (const match of text.matchAll(CLUSTER)) {
    const piece = normalise(match[0]);
    const range = [match.index, match.index + match[0].length] as const;
    for (let unit = 0; unit < piece.length; unit += 1) origins.push(range);
    normalised += piece;
  }
  return { normalised, rangeOf: (unit) => origins[unit] ?? [text.length, text.length] };
}
