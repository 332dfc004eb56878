/**
 * One segment of the index: the postings of some passages, in arrays that IndexedDB stores as they are.
 *
 * A passage's term counts by where it stands (name, heading, text); only the text counts for its length.
 * Ranking is BM25 (Robertson and Zaragoza, 2009) with those weighted frequencies, idf over all segments together.
 */
import type { Passage } from './passages.ts';
import { termsOf } from './tokens.ts';

export const SEGMENT_FORMAT = 1;

export interface Segment {
  readonly format: typeof SEGMENT_FORMAT;
  /** Sorted; a term's postings are `offsets[i]` up to `offsets[i + 1]`. */
  readonly terms: readonly string[];
  readonly offsets: Uint32Array;
  /** Places of passages in this segment. */
  readonly passages: Uint32Array;
  /** Weighted frequency of the term in the passage. */
  readonly frequencies: Float32Array;
  /** Terms in the text of each passage. */
  readonly lengths: Uint16Array;
}

const WEIGHT = { name: 2.2, heading: 1.4, text: 1 } as const;

export class SegmentBuilder {
  readonly #postings = new Map<string, { passages: number[]; frequencies: number[] }>();
  readonly #lengths: number[] = [];

  /** @param names what else the passage's subject is called */
  add(passage: Pick<Passage, 'title' | 'heading' | 'text'>, names: readonly string[] = []): void {
    const place = this.#lengths.length;
    const counts = new Map<string, number>();
    const count = (terms: Iterable<string>, weight: number) => {
      for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + weight);
    };
    const text = termsOf(passage.text);
    count(text, WEIGHT.text);
    count(new Set([passage.title, ...names].flatMap(termsOf)), WEIGHT.name);
    count(new Set(termsOf(passage.heading)), WEIGHT.heading);
    for (const [term, frequency] of counts) {
      let posting = this.#postings.get(term);
      if (!posting) this.#postings.set(term, (posting = { passages: [], frequencies: [] }));
      posting.passages.push(place);
      posting.frequencies.push(frequency);
    }
    this.#lengths.push(Math.min(text.length, 0xffff));
  }

  build(): Segment {
    const terms = [...this.#postings.keys()].sort();
    const total = terms.reduce((sum, term) => sum + (this.#postings.get(term)?.passages.length ?? 0), 0);
    const offsets = new Uint32Array(terms.length + 1);
    const passages = new Uint32Array(total);
    const frequencies = new Float32Array(total);
    let at = 0;
    for (const [index, term] of terms.entries()) {
      const posting = this.#postings.get(term);
      offsets[index] = at;
      passages.set(posting?.passages ?? [], at);
      frequencies.set(posting?.frequencies ?? [], at);
      at += posting?.passages.length ?? 0;
    }
    offsets[terms.length] = at;
    return {
      format: SEGMENT_FORMAT,
      terms,
      offsets,
      passages,
      frequencies,
      lengths: Uint16Array.from(this.#lengths),
    };
  }
}

/** A segment made ready for queries. */
export class OpenSegment {
  readonly segment: Segment;
  readonly #places: ReadonlyMap<string, number>;
  readonly size: number;
  readonly totalLength: number;

  constructor(segment: Segment) {
    this.segment = segment;
    this.#places = new Map(segment.terms.map((term, index) => [term, index]));
    this.size = segment.lengths.length;
    this.totalLength = segment.lengths.reduce((sum, length) => sum + length, 0);
  }

  /** In how many passages the term stands. */
  countOf(term: string): number {
    const index = this.#places.get(term);
    if (index === undefined) return 0;
    return (this.segment.offsets[index + 1] ?? 0) - (this.segment.offsets[index] ?? 0);
  }

  has(term: string): boolean {
    return this.#places.has(term);
  }

  /** Calls back with every passage that has the term and its weighted frequency there. */
  visit(term: string, callback: (place: number, frequency: number) => void): void {
    const index = this.#places.get(term);
    if (index === undefined) return;
    const { offsets, passages, frequencies } = this.segment;
    const end = offsets[index + 1] ?? 0;
    for (let at = offsets[index] ?? 0; at < end; at += 1) callback(passages[at] ?? 0, frequencies[at] ?? 0);
  }
}
