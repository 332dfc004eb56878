/**
 * Names of cards in a query: exact, by pinyin, with a slip. Chinese is typed by sound, so the usual slip is a homophone
 * (丙伯酚) and the usual short cut its initials (bbf).
 */
import { pinyin } from 'pinyin-pro';
import { normalise, runsOf } from './tokens.ts';

/** How sure a name is to be meant, 0 to 1. */
const CERTAINTY = { exact: 1, pinyin: 0.9, initials: 0.85, homophone: 0.8, typo: 0.75, prefix: 0.5 } as const;

export interface NamedThing {
  readonly id: string;
  readonly names: readonly string[];
}

export interface NameMatch {
  readonly id: string;
  /** The name as the card writes it, normalised. */
  readonly name: string;
  readonly certainty: number;
  /** The part of the query, normalised. */
  readonly written: string;
}

interface Name {
  readonly text: string;
  readonly ids: readonly string[];
  readonly isHan: boolean;
}

export class NameFinder {
  readonly #names: readonly Name[];
  readonly #han: readonly (Name & {
    readonly characters: readonly string[];
    readonly sounds: readonly string[];
  })[];
  readonly #latin: readonly (Name & { readonly words: readonly string[] })[];
  readonly #byInitials = new Map<string, Set<string>>();
  readonly #bySound = new Map<string, Set<string>>();
  readonly #latinWords: ReadonlySet<string>;

  constructor(things: readonly NamedThing[]) {
    const idsOf = new Map<string, Set<string>>();
    for (const { id, names } of things) for (const name of names) addTo(idsOf, normalise(name).trim(), id);
    this.#names = [...idsOf].map(([text, ids]) => ({
      text,
      ids: [...ids],
      isHan: /^\p{Script=Han}{2,}$/u.test(text),
    }));
    this.#han = this.#names
      .filter(({ isHan }) => isHan)
      .map((name) => ({ ...name, characters: Array.from(name.text), sounds: soundsOf(name.text) }));
    this.#latin = this.#names
      .filter(({ text }) => /^[\p{Script=Latin}\p{Script=Greek}\d][^\p{Script=Han}]*$/u.test(text))
      .map((name) => ({ ...name, words: runsOf(name.text).map((run) => run.text) }));
    this.#latinWords = new Set(this.#latin.flatMap(({ words }) => words));
    for (const { text, sounds, ids } of this.#han) {
      const spoken = soundsOfWord(text);
      for (const id of ids) {
        for (const read of [sounds, spoken]) {
          addTo(this.#byInitials, read.map((sound) => sound[0] ?? '').join(''), id);
          addTo(this.#bySound, read.join(''), id);
        }
      }
    }
  }

  /** Names that stand in the text as they are, the longest per thing. */
  findWritten(text: string): readonly NameMatch[] {
    const written = normalise(text);
    const best = new Map<string, NameMatch>();
    for (const { text: name, ids } of this.#names) {
      if (!isWritten(written, name)) continue;
      for (const id of ids)
        if (name.length > (best.get(id)?.name.length ?? 0))
          best.set(id, { id, name, certainty: CERTAINTY.exact, written: name });
    }
    return [...best.values()];
  }

  /** All names found, the best per thing; @param isKnown whether the index has the word itself */
  find(query: string, isKnown: (term: string) => boolean): readonly NameMatch[] {
    const text = normalise(query);
    const best = new Map<string, NameMatch>();
    const add = (ids: Iterable<string>, name: string, certainty: number, written: string) => {
      for (const id of ids) {
        const known = best.get(id);
        const isBetter =
          !known ||
          certainty > known.certainty ||
          (certainty === known.certainty && name.length > known.name.length);
        if (isBetter) best.set(id, { id, name, certainty, written });
      }
    };
    const runs = runsOf(text);
    const words = runs.filter(({ isHan }) => !isHan).map((run) => run.text);
    for (const { id, name } of this.findWritten(query)) add([id], name, CERTAINTY.exact, name);
    for (const word of words) this.#findWord(word, isKnown, add);
    // Pinyin typed with blanks between the syllables.
    const joined = words.join('');
    if (words.length > 1) add(this.#bySound.get(joined) ?? [], joined, CERTAINTY.pinyin, joined);
    for (const { text: run, isHan } of runs) if (isHan) this.#findSounds(run, text, best, add);
    return [...best.values()].sort((a, b) => b.certainty - a.certainty || b.name.length - a.name.length);
  }

  #findWord(
    word: string,
    isKnown: (term: string) => boolean,
    add: (ids: Iterable<string>, name: string, certainty: number, written: string) => void,
  ): void {
    if (!/^[a-z]{2,}$/.test(word) || this.#latinWords.has(word)) return;
    add(this.#byInitials.get(word) ?? [], word, CERTAINTY.initials, word);
    add(this.#bySound.get(word) ?? [], word, CERTAINTY.pinyin, word);
    if (word.length >= 4)
      for (const [sound, ids] of this.#bySound)
        if (sound.startsWith(word)) add(ids, word, CERTAINTY.prefix, word);
    if (word.length < 3 || isKnown(word)) return;
    for (const [initials, ids] of this.#byInitials)
      if (initials.length > word.length && initials.startsWith(word)) add(ids, word, CERTAINTY.prefix, word);
    if (word.length < 4) return;
    const allowed = word.length >= 8 ? 2 : 1;
    for (const { words, ids, text } of this.#latin) {
      for (const known of words) {
        if (known.length >= 4 && known.startsWith(word)) add(ids, text, CERTAINTY.prefix, word);
        if (known.length >= 4 && isWithin(word, known, allowed)) add(ids, text, CERTAINTY.typo, word);
      }
    }
  }

  /** Names that sound like a part of the run, or differ from it in one character. */
  #findSounds(
    run: string,
    query: string,
    found: ReadonlyMap<string, NameMatch>,
    add: (ids: Iterable<string>, name: string, certainty: number, written: string) => void,
  ): void {
    const characters = Array.from(run);
    const sounds = soundsOf(run);
    if (sounds.length !== characters.length) return;
    for (const name of this.#han) {
      if (found.get(name.ids[0] ?? '')?.certainty === 1 || query.includes(name.text)) continue;
      const length = name.characters.length;
      for (let at = 0; at + length <= characters.length; at += 1) {
        let differing = 0;
        let unlike = 0;
        for (let offset = 0; offset < length; offset += 1) {
          if (characters[at + offset] === name.characters[offset]) continue;
          differing += 1;
          if (sounds[at + offset] !== name.sounds[offset]) unlike += 1;
        }
        const written = characters.slice(at, at + length).join('');
        // Two characters that sound alike are everyday words; only a query of nothing else means the name.
        const isLong = length >= 3 || (length === 2 && characters.length === 2);
        if (unlike === 0 && isLong && differing < length)
          add(name.ids, name.text, CERTAINTY.homophone, written);
        else if (differing === 1 && length >= 4) add(name.ids, name.text, CERTAINTY.typo, written);
        else if (differing === 1 && length === 3 && characters.length === 3)
          add(name.ids, name.text, CERTAINTY.typo, written);
      }
    }
  }
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  if (key === '') return;
  const known = map.get(key);
  if (known) known.add(value);
  else map.set(key, new Set([value]));
}

const known = new Map<string, string>();

/**
 * Syllables without tones, one a character. Each by itself: a character that is read in two ways is read the same in a
 * name and in a query, whatever stands around it.
 */
function soundsOf(han: string): readonly string[] {
  return Array.from(han, (character) => {
    let sound = known.get(character);
    if (sound === undefined) known.set(character, (sound = pinyin(character, { toneType: 'none', v: true })));
    return sound;
  });
}

/** As the word is said: 栓塞 is shuanse, though 塞 alone is sai. For what is typed in letters. */
const soundsOfWord = (han: string): readonly string[] =>
  pinyin(han, { toneType: 'none', v: true, type: 'array' });

const isWritten = (text: string, name: string): boolean =>
  /^[a-z0-9]/.test(name) ? containsWords(text, name) : name.length > 1 && text.includes(name);

/** A Latin name counts as a word, not as a part of another: "tci" is not in "octcity". */
function containsWords(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + name.length] ?? ' ';
    if (!/[a-z0-9]/.test(before) && !/[a-z0-9]/.test(after)) return true;
  }
  return false;
}

/** Whether the words differ by at most `allowed` edits: inserted, left out, exchanged or swapped neighbours. */
export function isWithin(a: string, b: string, allowed: number): boolean {
  if (Math.abs(a.length - b.length) > allowed) return false;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    let smallest = row;
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
      smallest = Math.min(smallest, cost);
    }
    if (smallest > allowed) return false;
    beforeLast = last;
    last = current;
  }
  return (last[b.length] ?? Infinity) <= allowed;
}
