/** Token ids -> text as it can be shown: whole characters only, and nothing that may become a stop string. */

const REPLACEMENT = '\uFFFD';
/** A character has at most four bytes, and a token at least one: more unfinished tokens than these are no character. */
const PENDING_MAX = 4;

/**
 * Decodes a growing list of tokens. A token may hold part of a character, and some tokenizers write the first token of
 * a text without its leading space; so each step decodes a short window twice, with and without the new token.
 */
export class StreamDecoder {
  readonly #decode: (tokens: readonly number[]) => string;
  readonly #tokens: number[];
  /** Start of the window, and end of what is already written. */
  #window: number;
  #written: number;

  /** @param before tokens that come before the stream and are already on screen */
  constructor(decode: (tokens: readonly number[]) => string, before: readonly number[] = []) {
    this.#decode = decode;
    this.#tokens = before.slice(-8);
    this.#window = 0;
    this.#written = this.#tokens.length;
  }

  /** The text that the token completes; empty while a character is incomplete. */
  push(token: number): string {
    this.#tokens.push(token);
    const before = this.#decode(this.#tokens.slice(this.#window, this.#written));
    const now = this.#decode(this.#tokens.slice(this.#window));
    const isUnfinished = now.endsWith(REPLACEMENT) && this.pending <= PENDING_MAX;
    if (now.length <= before.length || isUnfinished) return '';
    this.#window = this.#written;
    this.#written = this.#tokens.length;
    return now.slice(before.length);
  }

  /** Tokens pushed whose text is not complete. */
  get pending(): number {
    return this.#tokens.length - this.#written;
  }
}

/** Holds back the end of a text while it may be the start of a stop string. */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...found)), stopped: true };
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** What was held back, once nothing follows. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
