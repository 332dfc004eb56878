/**
 * One segment of the index: the postings of some passages, in arrays that IndexedDB stores as they are.
 *
 * Ranking is BM25F (Robertson and Zaragoza, 2009): a passage's term counts by where it stands (name, heading, text),
 * and its frequency in the text is normalised by the text's length before the fields are added, so that a long passage
 * is not less of its subject. Document frequencies are over all segments together.
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
  /** Weighted, normalised frequency of the term in the passage. */
  readonly frequencies: Float32Array;
  /** How many passages it holds. */
  readonly size: number;
}

const WEIGHT = { name: 2.2, heading: 1.4, text: 1 } as const;
/** How much a text's length counts, 0 to 1. */
const B = 0.6;
/** Terms of an average passage: fixed, so that segments need not know of each other. */
const AVERAGE_LENGTH = 110;

export class SegmentBuilder {
  readonly #postings = new Map<string, { passages: number[]; frequencies: number[] }>();
  #size = 0;

  /** @param names what else the passage's subject is called */
  add(passage: Pick<Passage, 'title' | 'heading' | 'text'>, names: readonly string[] = []): void {
    const place = this.#size;
    this.#size += 1;
    const counts = new Map<string, number>();
    const count = (terms: Iterable<string>, weight: number) => {
      for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + weight);
    };
    const text = termsOf(passage.text);
    count(text, WEIGHT.text / (1 - B + (B * text.length) / AVERAGE_LENGTH));
    count(new Set([passage.title, ...names].flatMap(termsOf)), WEIGHT.name);
    count(new Set(termsOf(passage.heading)), WEIGHT.heading);
    for (const [term, frequency] of counts) {
      let posting = this.#postings.get(term);
      if (!posting) this.#postings.set(term, (posting = { passages: [], frequencies: [] }));
      posting.passages.push(place);
      posting.frequencies.push(frequency);
    }
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
      size: this.#size,
    };
  }
}

/** A segment made ready for queries. */
export class OpenSegment {
  readonly segment: Segment;
  readonly #places: ReadonlyMap<string, number>;
  readonly size: number;

  constructor(segment: Segment) {
    this.segment = segment;
    this.#places = new Map(segment.terms.map((term, index) => [term, index]));
    this.size = segment.size;
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
