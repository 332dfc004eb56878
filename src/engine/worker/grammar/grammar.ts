/**
 * Context-free grammars over bytes: built rule by rule, and followed over what is written already, so that an answer
 * can go on where it was stopped.
 */

/** Inclusive. */
export type ByteRange = readonly [from: number, to: number];
/** One byte of these. */
export type ByteSet = readonly ByteRange[];
/** A number names a rule. */
export type GrammarSymbol = number | ByteSet;
export type Sequence = readonly GrammarSymbol[];
/** Any one of these. */
export type Alternatives = readonly Sequence[];

export interface Grammar {
  readonly rules: readonly Alternatives[];
  readonly root: Alternatives;
}

const encoder = new TextEncoder();

export const textSequence = (text: string): Sequence =>
  Array.from(encoder.encode(text), (byte): ByteSet => [[byte, byte]]);

export class GrammarBuilder {
  readonly #rules: Alternatives[] = [];
  readonly #known = new Map<string, number>();

  /** The rule of that key, made once; `make` may ask for the same key again: rules can be recursive. */
  rule(key: string, make: () => Alternatives): number {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const rule = this.#rules.push([]) - 1;
    this.#known.set(key, rule);
    this.#rules[rule] = make();
    return rule;
  }

  /**
   * `first` and then `next` for every further one, `min` to `max` of them together; nothing at all where `min` is 0.
   * @param max may be Infinity
   */
  repeat(key: string, first: Sequence, next: Sequence, min: number, max: number): Sequence {
    const from = (count: number): Sequence => {
      if (count >= max) return [];
      const isLoop = max === Infinity && count >= Math.max(min, 1);
      const place = isLoop ? 'loop' : `${count}-${min}-${max}`;
      return [
        this.rule(`${key}*${place}`, () => {
          const one = count === 0 ? first : next;
          return [[...one, ...from(count + 1)], ...(count >= min ? [[]] : [])];
        }),
      ];
    };
    // From the end, so that a long row of rules is no deep recursion.
    for (let count = max === Infinity ? min : max; count > 0; count -= 1) from(count);
    return from(0);
  }

  grammar(root: Alternatives): Grammar {
    return { rules: this.#rules, root };
  }
}

/** What is still to come; null: nothing. */
interface Rest {
  readonly id: number;
  readonly symbol: GrammarSymbol;
  readonly next: Rest | null;
}

/** Every way in which the bytes so far may go on. */
class Follower {
  readonly #grammar: Grammar;
  readonly #made = new Map<GrammarSymbol, Map<number, Rest>>();
  #count = 0;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  start(): Set<Rest | null> {
    const ways = new Set<Rest | null>();
    const seen = new Set<Rest>();
    for (const sequence of this.#grammar.root) this.#open(this.#push(sequence, null), ways, seen);
    return ways;
  }

  step(ways: ReadonlySet<Rest | null>, byte: number): Set<Rest | null> {
    const after = new Set<Rest | null>();
    const seen = new Set<Rest>();
    for (const way of ways) {
      if (!way || typeof way.symbol === 'number') continue;
      if (way.symbol.some(([from, to]) => from <= byte && byte <= to)) this.#open(way.next, after, seen);
    }
    return after;
  }

  #push(sequence: Sequence, next: Rest | null): Rest | null {
    return sequence.reduceRight<Rest | null>((rest, symbol) => this.#rest(symbol, rest), next);
  }

  /** Opens rules until a byte stands in front. */
  #open(way: Rest | null, into: Set<Rest | null>, seen: Set<Rest>): void {
    if (!way || typeof way.symbol !== 'number') {
      into.add(way);
      return;
    }
    if (seen.has(way)) return;
    seen.add(way);
    for (const sequence of this.#grammar.rules[way.symbol] ?? [])
      this.#open(this.#push(sequence, way.next), into, seen);
  }

  /** One object for equal rests: sets of ways stay small. */
  #rest(symbol: GrammarSymbol, next: Rest | null): Rest {
    let ofSymbol = this.#made.get(symbol);
    if (!ofSymbol) this.#made.set(symbol, (ofSymbol = new Map<number, Rest>()));
    const key = next?.id ?? -1;
    let rest = ofSymbol.get(key);
    if (!rest) ofSymbol.set(key, (rest = { id: this.#count++, symbol, next }));
    return rest;
  }
}

function follow(grammar: Grammar, text: string): Set<Rest | null> {
  const follower = new Follower(grammar);
  let ways = follower.start();
  for (const byte of encoder.encode(text)) ways = follower.step(ways, byte);
  return ways;
}

/** The grammar of what may follow `text`; null where no text of the grammar begins so. */
export function after(grammar: Grammar, text: string): Grammar | null {
  if (text === '') return grammar;
  const ways = follow(grammar, text);
  if (ways.size === 0) return null;
  const root = Array.from(ways, (way) => {
    const sequence: GrammarSymbol[] = [];
    for (let rest = way; rest; rest = rest.next) sequence.push(rest.symbol);
    return sequence;
  });
  return { rules: grammar.rules, root };
}

/** Whether `text`, whole, is of the grammar. */
export const matches = (grammar: Grammar, text: string): boolean => follow(grammar, text).has(null);
