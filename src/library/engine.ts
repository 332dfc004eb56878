/**
 * Search over all segments. Pure of storage and threads: the worker feeds it, tests and the bench use it as it is.
 *
 *   query -> terms (without asking words) + names -> BM25 over segments, and over how people ask for a card
 *     + a share for a named subject -> best passages
 */
import type { AnswerPassage } from '../shared/types.ts';
import type { LibraryCard } from './cards.ts';
import { NameFinder } from './names.ts';
import type { NameMatch } from './names.ts';
import { passagesOfCard, sentencesOf } from './passages.ts';
import type { Passage } from './passages.ts';
import { OpenSegment, SegmentBuilder } from './segment.ts';
import type { Segment } from './segment.ts';
import { meaningsIn } from './everyday.ts';
import { normalise, termsOf, withoutAsking } from './tokens.ts';

export const CARDS = 'cards';

/** How fast a term's frequency stops counting; the usual value. */
const K1 = 1.2;
/** Terms that a name stands for, against terms as written. */
const EXPANSION_WEIGHT = 0.7;
const MEANING_WEIGHT = 0.6;
/** How surely a subject is meant that everyday words stand for (everyday.ts). */
const MEANT = 0.75;
/** A subject that is named outranks passages that only mention it. Times certainty; in units of BM25 scores. */
const NAME_SHARE = 7;
/** A term that people use when they ask for the card, against one that the passage holds, frequency 1. */
const ASKED_WEIGHT = 0.7;
/** What earlier questions of a conversation say, against the question itself. */
const CONTEXT_WEIGHT = 0.25;
/** Of the question's weight in terms, what a passage must hold to count as an answer's source. */
const COVERAGE_MIN = 0.34;
/** Less is enough where several terms of the question meet in one passage. */
const COVERAGE_MIN_TOGETHER = 0.16;
const TERMS_TOGETHER = 3;
const COVERAGE_MIN_FOLLOWING = 0.25;
/** How surely a subject must be named to count as asked about, whatever else the question says. */
const NAMED_MIN = 0.7;
/** Of the best passage's score. */
const SCORE_SHARE_MIN = 0.5;

export type Range = readonly [start: number, end: number];

export interface RankedPassage {
  /** CARDS or a document's id. */
  readonly segment: string;
  /** Place in the segment. */
  readonly place: number;
  readonly score: number;
  /** Share of the query's weight that the passage holds, 0 to 1. */
  readonly coverage: number;
  /** How many of the query's terms the passage holds. */
  readonly matched: number;
  /** The passage's subject is named in the query: 0 to 1. */
  readonly named: number;
}

export interface Ranking {
  readonly passages: readonly RankedPassage[];
  readonly names: readonly NameMatch[];
  /** Terms that count, with their weight: what excerpts mark. */
  readonly terms: ReadonlyMap<string, number>;
}

const NOTHING: Ranking = { passages: [], names: [], terms: new Map() };
const QUERY_LENGTH_MAX = 500;

export function buildCardSegment(cards: Iterable<LibraryCard>): Segment {
  const builder = new SegmentBuilder();
  for (const card of cards)
    for (const passage of passagesOfCard(card)) builder.add(passage, [card.title_en, ...card.aliases]);
  return builder.build();
}

export class SearchEngine {
  readonly cardPassages: readonly Passage[];
  readonly #cardOf: readonly string[];
  readonly #titles: ReadonlyMap<string, string>;
  readonly #names: NameFinder;
  /** Term of how people ask for a card -> places of its passages. They lead there; no passage holds them. */
  readonly #asked = new Map<string, number[]>();
  readonly #segments = new Map<string, OpenSegment>();

  /** @param segment as `buildCardSegment` made it from the same cards; absent: it is made */
  constructor(cards: readonly LibraryCard[], segment?: Segment) {
    this.cardPassages = cards.flatMap(passagesOfCard);
    this.#cardOf = this.cardPassages.map(({ anchor }) => (anchor.kind === 'card' ? anchor.cardId : ''));
    const asked = new Map(cards.map((card) => [card.id, termsAsked(card)]));
    for (const [place, cardId] of this.#cardOf.entries())
      for (const term of asked.get(cardId) ?? []) {
        const places = this.#asked.get(term);
        if (places) places.push(place);
        else this.#asked.set(term, [place]);
      }
    this.#titles = new Map(cards.map((card) => [card.id, card.title]));
    this.#names = new NameFinder(
      cards.map((card) => ({ id: card.id, names: [card.title, card.title_en, ...card.aliases] })),
    );
    this.#segments.set(CARDS, new OpenSegment(segment ?? buildCardSegment(cards)));
  }

  /** Passages that can be found. */
  get size(): number {
    return sum([...this.#segments.values()].map(({ size }) => size));
  }

  get documents(): readonly string[] {
    return [...this.#segments.keys()].filter((key) => key !== CARDS);
  }

  put(documentId: string, segment: Segment): void {
    this.#segments.set(documentId, new OpenSegment(segment));
  }

  delete(documentId: string): void {
    if (documentId !== CARDS) this.#segments.delete(documentId);
  }

  /**
   * The best passages, best first.
   * @param context earlier questions of the conversation, which help where the question leaves its subject out
   */
  rank(query: string, limit: number, context: readonly string[] = []): Ranking {
    const asked = withoutAsking(query.slice(0, QUERY_LENGTH_MAX));
    const own = new Set(termsOf(asked));
    const isKnown = (term: string) => [...this.#segments.values()].some((segment) => segment.has(term));
    const names = withoutParts(this.#names.find(query.slice(0, QUERY_LENGTH_MAX), isKnown), query);
    if (own.size === 0 && names.length === 0) return NOTHING;

    const terms = new Map<string, number>();
    const add = (added: Iterable<string>, weight: number) => {
      for (const term of added) terms.set(term, Math.max(weight, terms.get(term) ?? 0));
    };
    const shares = new Map<string, number>();
    const expand = (found: readonly NameMatch[], weight: number) => {
      for (const { id, certainty } of found) {
        add(termsOf(this.#titles.get(id) ?? ''), EXPANSION_WEIGHT * certainty * weight);
        shares.set(id, Math.max(certainty * weight, shares.get(id) ?? 0));
      }
    };
    expand(names, 1);
    const earlier = context.map((text) => text.slice(0, QUERY_LENGTH_MAX));
    for (const text of earlier) {
      add(termsOf(withoutAsking(text)), CONTEXT_WEIGHT);
      // A question that names its own subject has moved on.
      if (names.length === 0) expand(withoutParts(this.#names.find(text, isKnown), text), 0.6);
    }
    const meant = meaningsIn(query.slice(0, QUERY_LENGTH_MAX));
    add(termsOf(meant), MEANING_WEIGHT);
    const named = new Set(names.map(({ id }) => id));
    for (const { id } of withoutParts(this.#names.findWritten(meant), meant))
      if (!named.has(id)) shares.set(id, Math.max(MEANT, shares.get(id) ?? 0));
    add(own, 1);

    const weights = this.#weigh(terms);
    // A name written otherwise (pinyin, a slip) is held by its subject's passages, not by any text.
    for (const { certainty, written } of names)
      if (certainty < 1) for (const term of termsOf(written)) own.delete(term);
    const ownWeight = sum([...own].map((term) => weights.get(term) ?? 0));
    const best = new Best(limit);
    for (const [key, segment] of this.#segments) {
      const scores = new Float32Array(segment.size);
      const covered = new Float32Array(segment.size);
      const counts = new Uint16Array(segment.size);
      for (const [term, weight] of weights) {
        const isOwn = own.has(term);
        segment.visit(term, (place, frequency) => {
          const saturated = (frequency * (K1 + 1)) / (frequency + K1);
          scores[place] = (scores[place] ?? 0) + weight * saturated;
          if (!isOwn) return;
          covered[place] = (covered[place] ?? 0) + weight;
          counts[place] = (counts[place] ?? 0) + 1;
        });
        if (key !== CARDS) continue;
        for (const place of this.#asked.get(term) ?? [])
          scores[place] = (scores[place] ?? 0) + weight * ASKED_WEIGHT;
      }
      for (let place = 0; place < segment.size; place += 1) {
        const score = scores[place] ?? 0;
        const matched = counts[place] ?? 0;
        const named = key === CARDS ? (shares.get(this.#cardOf[place] ?? '') ?? 0) : 0;
        if (score === 0 && named === 0) continue;
        const total = score + NAME_SHARE * named;
        if (!best.admits(total)) continue;
        const coverage = ownWeight === 0 ? (named > 0 ? 1 : 0) : (covered[place] ?? 0) / ownWeight;
        best.push({ segment: key, place, score: total, coverage, matched, named });
      }
    }
    return { passages: best.passages, names, terms: weights };
  }

  /** Cards by their best passage, best first. */
  rankCards(query: string, limit: number): readonly { readonly cardId: string; readonly score: number }[] {
    const seen = new Map<string, number>();
    for (const { segment, place, score } of this.rank(query, Number.POSITIVE_INFINITY).passages) {
      if (segment !== CARDS) continue;
      const cardId = this.#cardOf[place] ?? '';
      if (!seen.has(cardId)) seen.set(cardId, score);
      if (seen.size >= limit) break;
    }
    return [...seen].map(([cardId, score]) => ({ cardId, score }));
  }

  /** Passages that may stand as an answer's sources; empty: nothing that is here speaks of it. */
  sources(question: string, limit: number, context: readonly string[] = []): Ranking {
    const ranking = this.rank(question, limit * 6, context);
    const best = ranking.passages[0]?.score ?? 0;
    const perSubject = new Map<string, number>();
    const passages = ranking.passages.filter((passage) => {
      const { coverage, matched, named } = passage;
      const isAnswering =
        named >= NAMED_MIN ||
        // The subject comes from an earlier question: what this one adds must be about it.
        (named >= 0.5 && coverage >= COVERAGE_MIN_FOLLOWING) ||
        (coverage >= COVERAGE_MIN && matched >= 2) ||
        (coverage >= COVERAGE_MIN_TOGETHER && matched >= TERMS_TOGETHER);
      if (!isAnswering) return false;
      if (passage.score < best * SCORE_SHARE_MIN) return false;
      const subject = passage.segment === CARDS ? (this.#cardOf[passage.place] ?? '') : passage.segment;
      const count = perSubject.get(subject) ?? 0;
      perSubject.set(subject, count + 1);
      return count < 2;
    });
    return { ...ranking, passages: passages.slice(0, limit) };
  }

  /** Terms with their weight in a score: inverse document frequency over all segments. */
  #weigh(terms: ReadonlyMap<string, number>): Map<string, number> {
    const segments = [...this.#segments.values()];
    const total = sum(segments.map(({ size }) => size));
    const weights = new Map<string, number>();
    for (const [term, weight] of terms) {
      const count =
        sum(segments.map((segment) => segment.countOf(term))) + (this.#asked.get(term)?.length ?? 0);
      weights.set(term, weight * Math.log(1 + (total - count + 0.5) / (count + 0.5)));
    }
    return weights;
  }
}

const termsAsked = ({ asked = [] }: LibraryCard): ReadonlySet<string> =>
  new Set(asked.map(withoutAsking).flatMap(termsOf));

/** The best of many, without sorting them all. */
class Best {
  readonly #limit: number;
  #kept: RankedPassage[] = [];
  #floor = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  admits(score: number): boolean {
    return score >= this.#floor;
  }

  push(passage: RankedPassage): void {
    this.#kept.push(passage);
    if (this.#kept.length < this.#limit * 4) return;
    this.#kept = this.passages;
    this.#floor = this.#kept.at(-1)?.score ?? 0;
  }

  get passages(): RankedPassage[] {
    return this.#kept.sort((a, b) => b.score - a.score || a.place - b.place).slice(0, this.#limit);
  }
}

/** 氯胺酮 is not meant where 艾司氯胺酮 is written. */
function withoutParts(names: readonly NameMatch[], query: string): readonly NameMatch[] {
  const text = normalise(query);
  const exact = names.filter(({ certainty }) => certainty === 1);
  return names.filter(({ written, id, certainty }) => {
    // 罗库溴铵 is no slip of 维库溴铵.
    if (certainty < 1 && exact.some((other) => other.written.includes(written))) return false;
    const longer = names.filter((other) => other.id !== id && other.written.length > written.length);
    const around = longer.filter((other) => other.written.includes(written));
    if (around.length === 0) return true;
    let left = text;
    for (const { written: cover } of around) left = left.replaceAll(cover, ' ');
    return left.includes(written);
  });
}

/** Where the terms stand in the text, merged; for marking. */
export function marksOf(text: string, terms: ReadonlyMap<string, number>): readonly Range[] {
  // Compatibility forms change lengths: then nothing is marked rather than the wrong place.
  const normalised = normalise(text);
  if (normalised.length !== text.length) return [];
  const ranges: [number, number][] = [];
  for (const [term, weight] of terms) {
    if (weight <= 0) continue;
    const isWord = /^[a-z0-9]/.test(term);
    for (let at = normalised.indexOf(term); at >= 0; at = normalised.indexOf(term, at + 1)) {
      const end = at + term.length;
      if (isWord && (/[a-z0-9]/.test(normalised[at - 1] ?? '') || /[a-z0-9]/.test(normalised[end] ?? '')))
        continue;
      ranges.push([at, end]);
    }
  }
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** The sentences of a passage that speak most of the terms: at most two, the second nearly as good as the first. */
export function bestSentences(text: string, terms: ReadonlyMap<string, number>): readonly Range[] {
  let at = 0;
  const scored = sentencesOf(text).map((sentence) => {
    const start = text.indexOf(sentence, at);
    at = start + sentence.length;
    const lead = sentence.length - sentence.trimStart().length;
    const range: Range = [start + lead, start + lead + sentence.trim().length];
    return { range, score: sum([...new Set(termsOf(sentence))].map((term) => terms.get(term) ?? 0)) };
  });
  const best = Math.max(0, ...scored.map(({ score }) => score));
  if (best === 0) return [];
  return scored
    .filter(({ score }) => score >= best * 0.75)
    .sort((a, b) => b.score - a.score)
    .slice(0, 2)
    .map(({ range }) => range)
    .sort((a, b) => a[0] - b[0]);
}

/** Passages as an answer keeps them, numbered in this order. */
export function answerPassages(
  passages: readonly Passage[],
  terms: ReadonlyMap<string, number>,
): readonly AnswerPassage[] {
  return passages.map(({ id, title, heading, text, anchor }, index) => ({
    number: index + 1,
    id,
    title,
    heading,
    page: anchor.kind === 'document' ? anchor.page : null,
    origin: anchor.kind,
    text,
    quotes: bestSentences(text, terms),
  }));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
