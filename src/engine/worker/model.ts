/**
 * A loaded language model as the generation loop sees it: tokens in, logits and tokens out. The one implementation is
 * webllm.ts; tests have a toy one.
 */
import type { SamplingSettings } from '../../shared/types.ts';
import type { ChatTemplate } from './prompt.ts';

/** Logits of the last forwarded position, on the device. */
export interface Logits {
  dispose(): void;
}

export interface TokenModel {
  /** Tokens. */
  readonly contextWindowSize: number;
  /** Tokens that one forward call may take. */
  readonly prefillChunkSize: number;
  readonly template: ChatTemplate;

  encode(text: string): readonly number[];
  decode(tokens: readonly number[]): string;

  /** Appends 1 to prefillChunkSize tokens to the KV cache; settles when the device has done the work. */
  forward(tokens: readonly number[]): Promise<Logits>;
  /** Forgets all but the first `length` tokens of the KV cache. */
  truncate(length: number): void;

  /** Prepares sampling of one answer: seed, penalties, grammar. */
  beginAnswer(sampling: SamplingSettings, responseSchema: object | undefined): Promise<void>;
  /** Draws the next token; disposes of the logits. */
  sample(logits: Logits): Promise<number>;
  /** Counts a token for the penalties and advances the grammar. `isStop`: it ends the answer and is not counted. */
  accept(token: number, isStop: boolean): void;
}
