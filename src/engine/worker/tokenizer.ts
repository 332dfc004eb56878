/**
 * tokenizer.json -> token ids and back: byte-level BPE, as the tokenizers library does it (and web-llm, which is built
 * on it). Texts are cut at added tokens, normalised, cut by the pre-tokenizer, spelled in byte letters and merged.
 *
 *   text --added tokens--> spans --normalizer, pre-tokenizer--> words --byte letters, merges--> ids
 *
 * Any other kind of tokenizer is refused by name: a prompt cut differently than in training would give worse answers
 * without a sign of it.
 */
import { HypnosError } from '../../shared/errors.ts';

export interface Tokenizer {
  encode(text: string): readonly number[];
  decode(tokens: readonly number[]): string;
  /** What a token adds to a text; null: it is no text, but a sign of the template's or a place that is not used. */
  bytes(token: number): Uint8Array | null;
}

interface Component {
  readonly type: string;
  readonly [key: string]: unknown;
}
interface AddedToken {
  readonly id: number;
  readonly content: string;
}
type Step = (words: readonly string[]) => readonly string[];

/** GPT-2's own cut, which ByteLevel does unless told not to. */
const GPT2 = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
/** Words whose tokens are remembered. */
const CACHE_MAX = 10_000;

/** @throws HypnosError 'package-unsupported' for a tokenizer that is none of these */
export function readTokenizer(description: unknown): Tokenizer {
  const { model, added_tokens, normalizer, pre_tokenizer, decoder } = description as {
    readonly model: Component & {
      readonly vocab: Readonly<Record<string, number>>;
      readonly merges: readonly (string | readonly [string, string])[];
    };
    readonly added_tokens?: readonly (AddedToken & Readonly<Record<string, unknown>>)[];
    readonly normalizer?: Component | null;
    readonly pre_tokenizer?: Component | null;
    readonly decoder?: Component | null;
  };
  if (model.type !== 'BPE' || model.byte_fallback === true) throw unsupported(`model ${model.type}`);
  const added = added_tokens ?? [];
  const odd = added.find(
    (token) => token.lstrip === true || token.rstrip === true || token.single_word === true,
  );
  if (odd) throw unsupported(`added token ${odd.content}`);
  if (!flatten(decoder, 'decoders').some(({ type }) => type === 'ByteLevel')) throw unsupported('decoder');
  return new ByteLevelBpe(
    model.vocab,
    model.merges.map((merge) => (typeof merge === 'string' ? splitMerge(merge) : merge)),
    model.ignore_merges === true,
    added,
    flatten(normalizer, 'normalizers').map(normalizerStep),
    flatten(pre_tokenizer, 'pretokenizers').flatMap(preTokenizerSteps),
  );
}

class ByteLevelBpe implements Tokenizer {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #texts: string[] = [];
  /** By left id * size + right id: rank and the merged id. */
  readonly #merges = new Map<number, { readonly rank: number; readonly id: number }>();
  readonly #size: number;
  readonly #ignoreMerges: boolean;
  readonly #added: ReadonlyMap<string, number>;
  readonly #addedPattern: RegExp | null;
  readonly #normalize: readonly ((text: string) => string)[];
  readonly #cut: readonly Step[];
  readonly #cache = new Map<string, readonly number[]>();

  constructor(
    vocabulary: Readonly<Record<string, number>>,
    merges: readonly (readonly [string, string])[],
    ignoreMerges: boolean,
    added: readonly AddedToken[],
    normalize: readonly ((text: string) => string)[],
    cut: readonly Step[],
  ) {
    this.#vocabulary = new Map(Object.entries(vocabulary));
    for (const [text, id] of this.#vocabulary) this.#texts[id] = text;
    this.#added = new Map(added.map(({ content, id }) => [content, id]));
    for (const { content, id } of added) this.#texts[id] = content;
    this.#size = this.#texts.length;
    this.#ignoreMerges = ignoreMerges;
    this.#normalize = normalize;
    this.#cut = cut;
    merges.forEach(([left, right], rank) => {
      const [a, b, id] = [left, right, left + right].map((text) => this.#vocabulary.get(text));
      if (a === undefined || b === undefined || id === undefined) return;
      const key = a * this.#size + b;
      if (!this.#merges.has(key)) this.#merges.set(key, { rank, id });
    });
    // Longest first: of two that begin at the same place the longer one counts.
    const contents = [...this.#added.keys()]
      .filter((text) => text !== '')
      .sort((a, b) => b.length - a.length);
    this.#addedPattern =
      contents.length === 0
        ? null
        : new RegExp(contents.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'gu');
  }

  encode(text: string): readonly number[] {
    const ids: number[] = [];
    let from = 0;
    for (const found of this.#addedPattern ? text.matchAll(this.#addedPattern) : []) {
      this.#encodeSpan(text.slice(from, found.index), ids);
      ids.push(this.#added.get(found[0]) ?? 0);
      from = found.index + found[0].length;
    }
    this.#encodeSpan(text.slice(from), ids);
    return ids;
  }

  decode(tokens: readonly number[]): string {
    return decoder.decode(Uint8Array.from(tokens.flatMap((token) => [...this.#bytes(token)])));
  }

  bytes(token: number): Uint8Array | null {
    const text = this.#texts[token];
    return text === undefined || this.#added.get(text) === token ? null : this.#bytes(token);
  }

  #bytes(token: number): Uint8Array {
    const text = this.#texts[token] ?? '';
    const letters = Array.from(text, (letter) => BYTE_OF.get(letter));
    return letters.every((byte) => byte !== undefined) ? Uint8Array.from(letters) : encoder.encode(text);
  }

  #encodeSpan(span: string, into: number[]): void {
    if (span === '') return;
    const text = this.#normalize.reduce((value, step) => step(value), span);
    const words = this.#cut.reduce<readonly string[]>((value, step) => step(value), [text]);
    for (const word of words) if (word !== '') into.push(...this.#merge(word));
  }

  #merge(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    const letters = Array.from(encoder.encode(word), (byte) => LETTER_OF[byte] ?? '');
    const whole = this.#ignoreMerges ? this.#vocabulary.get(letters.join('')) : undefined;
    const ids = whole === undefined ? this.#mergeLetters(letters) : [whole];
    if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
    this.#cache.set(word, ids);
    return ids;
  }

  #mergeLetters(letters: readonly string[]): readonly number[] {
    // A letter that is no token has no id to give: the tokenizers library leaves it out too, without an unknown token.
    const ids = letters.map((letter) => this.#vocabulary.get(letter)).filter((id) => id !== undefined);
    const pair = (at: number) => this.#merges.get((ids[at] ?? 0) * this.#size + (ids[at + 1] ?? 0));
    const ranks = ids.map((_, at) => (at + 1 < ids.length ? (pair(at)?.rank ?? Infinity) : Infinity));
    for (;;) {
      let best = -1;
      let lowest = Infinity;
      for (let at = 0; at < ranks.length; at += 1) {
        const rank = ranks[at] ?? Infinity;
        if (rank < lowest) [best, lowest] = [at, rank];
      }
      if (best < 0) return ids;
      const merged = pair(best);
      if (!merged) return ids;
      ids.splice(best, 2, merged.id);
      ranks.splice(best, 1);
      const update = (at: number) => {
        if (at >= 0 && at < ids.length)
          ranks[at] = at + 1 < ids.length ? (pair(at)?.rank ?? Infinity) : Infinity;
      };
      update(best - 1);
      update(best);
    }
  }
}

const encoder = new TextEncoder();
// A byte order mark is text here.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** GPT-2's printable letter of every byte. */
const LETTER_OF: readonly string[] = (() => {
  const isPrintable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let extra = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : extra++));
})();
const BYTE_OF: ReadonlyMap<string, number> = new Map(LETTER_OF.map((letter, byte) => [letter, byte]));

function normalizerStep(component: Component): (text: string) => string {
  if (component.type === 'NFC') return (text) => text.normalize('NFC');
  throw unsupported(`normalizer ${component.type}`);
}

function preTokenizerSteps(component: Component): readonly Step[] {
  if (component.type === 'ByteLevel') {
    if (component.add_prefix_space === true) throw unsupported('add_prefix_space');
    return component.use_regex === false ? [] : [isolate(GPT2)];
  }
  if (component.type === 'Digits') {
    return [isolate(component.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu)];
  }
  if (component.type === 'Split' && component.behavior === 'Isolated' && component.invert !== true) {
    const { Regex: source, String: text } = component.pattern as { Regex?: string; String?: string };
    if (source !== undefined) return [isolate(toPattern(source))];
    if (text !== undefined) return [isolate(new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu'))];
  }
  throw unsupported(`pre-tokenizer ${component.type}`);
}

/** Oniguruma's names of scripts are JavaScript's with `Script=`; the rest that such expressions use is the same. */
function toPattern(source: string): RegExp {
  const translated = source.replace(
    /\\([pP])\{(\^?)(\w+)\}/g,
    (whole, p: string, not: string, name: string) => {
      if (not) throw unsupported(`expression ${source}`);
      return isGeneralCategory(name) ? whole : `\\${p}{Script=${name}}`;
    },
  );
  try {
    return new RegExp(translated, 'gu');
  } catch {
    throw unsupported(`expression ${source}`);
  }
}

function isGeneralCategory(name: string): boolean {
  try {
    new RegExp(`\\p{${name}}`, 'u');
    return true;
  } catch {
    return false;
  }
}

/** Cuts before and after every match. */
function isolate(pattern: RegExp): Step {
  return (words) =>
    words.flatMap((word) => {
      const pieces: string[] = [];
      let from = 0;
      for (const found of word.matchAll(pattern)) {
        if (found[0] === '') continue;
        if (found.index > from) pieces.push(word.slice(from, found.index));
        pieces.push(found[0]);
        from = found.index + found[0].length;
      }
      if (from < word.length) pieces.push(word.slice(from));
      return pieces;
    });
}

function flatten(component: Component | null | undefined, key: string): readonly Component[] {
  if (!component) return [];
  if (component.type !== 'Sequence') return [component];
  return (component[key] as readonly Component[]).flatMap((part) => flatten(part, key));
}

function splitMerge(merge: string): readonly [string, string] {
  const at = merge.indexOf(' ', 1);
  return [merge.slice(0, at), merge.slice(at + 1)];
}

function unsupported(what: string): HypnosError {
  return new HypnosError('package-unsupported', {
    needs: `tokenizer.json: ${what}`,
    has: 'byte-level BPE',
  });
}
