import type { Logits, TokenModel } from '../../../src/engine/worker/model.ts';
import { readTemplate } from '../../../src/engine/worker/prompt.ts';
import type { SamplingSettings } from '../../../src/shared/types.ts';

export const IM_START = 256;
export const IM_END = 257;
const SPECIALS = ['<|im_start|>', '<|im_end|>'];

export const CHATML = {
  conv_template: {
    system_template: '<|im_start|>system\n{system_message}<|im_end|>\n',
    system_message: '默认',
    roles: { user: '<|im_start|>user', assistant: '<|im_start|>assistant' },
    role_templates: { user: '{user_message}', assistant: '{assistant_message}' },
    seps: ['<|im_end|>\n'],
    role_content_sep: '\n',
    role_empty_sep: '\n',
    stop_str: ['<|im_end|>'],
    stop_token_ids: [IM_END],
  },
};

/** A model over UTF-8 bytes and two special tokens: it answers what it is told, and shows its KV cache. */
export class ToyModel implements TokenModel {
  readonly contextWindowSize: number;
  readonly prefillChunkSize: number;
  readonly template;
  /** Tokens of the next answer. */
  script: number[] = [];
  readonly cache: number[] = [];
  /** Lengths of all forward calls. */
  readonly forwards: number[] = [];
  accepted: number[] = [];
  began: { sampling: SamplingSettings; responseSchema: object | undefined }[] = [];
  /** Logits that were not disposed of. */
  alive = 0;
  onForward: () => Promise<void> | void = () => {};
  #sampled = 0;

  constructor(options: { contextWindowSize?: number; prefillChunkSize?: number; config?: unknown } = {}) {
    this.contextWindowSize = options.contextWindowSize ?? 4096;
    this.prefillChunkSize = options.prefillChunkSize ?? 512;
    this.template = readTemplate(options.config ?? CHATML);
  }

  answer(text: string, { stop = true } = {}): void {
    this.script = [...this.encode(text), ...(stop ? [IM_END] : [])];
  }

  encode(text: string): readonly number[] {
    const parts = text.split(/(<\|im_start\|>|<\|im_end\|>)/);
    return parts.flatMap((part) => {
      const special = SPECIALS.indexOf(part);
      return special < 0 ? [...new TextEncoder().encode(part)] : [IM_START + special];
    });
  }

  decode(tokens: readonly number[]): string {
    let text = '';
    let bytes: number[] = [];
    const flush = () => {
      text += new TextDecoder().decode(new Uint8Array(bytes));
      bytes = [];
    };
    for (const token of tokens) {
      if (token < 256) bytes.push(token);
      else {
        flush();
        text += SPECIALS[token - IM_START];
      }
    }
    flush();
    return text;
  }

  async forward(tokens: readonly number[]): Promise<Logits> {
    if (tokens.length < 1 || tokens.length > this.prefillChunkSize)
      throw new Error(`forward of ${tokens.length}`);
    if (this.cache.length + tokens.length > this.contextWindowSize) throw new Error('KV cache overrun');
    this.forwards.push(tokens.length);
    this.cache.push(...tokens);
    await this.onForward();
    this.alive += 1;
    return {
      dispose: () => {
        this.alive -= 1;
      },
    };
  }

  truncate(length: number): void {
    if (length > this.cache.length) throw new Error('nothing there to keep');
    this.cache.length = length;
  }

  beginAnswer(sampling: SamplingSettings, responseSchema: object | undefined): Promise<void> {
    this.began.push({ sampling, responseSchema });
    this.accepted = [];
    this.#sampled = 0;
    return Promise.resolve();
  }

  sample(logits: Logits): Promise<number> {
    logits.dispose();
    const token = this.script[this.#sampled] ?? IM_END;
    this.#sampled += 1;
    return Promise.resolve(token);
  }

  accept(token: number, isStop: boolean): void {
    if (!isStop) this.accepted.push(token);
  }

  get cachedText(): string {
    return this.decode(this.cache);
  }
}
