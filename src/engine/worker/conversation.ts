/** Turns of a request -> a prompt that fits the context window. What both engines do before they do anything else. */
import { HypnosError } from '../../shared/errors.ts';
import type { ChatTurn } from '../../shared/types.ts';
import type { GenerateRequest } from '../shared/api.ts';
import { fitTurns, renderPrompt } from './prompt.ts';
import type { ChatTemplate } from './prompt.ts';

export interface PromptModel {
  /** Tokens. */
  readonly contextWindowSize: number;
  readonly template: ChatTemplate;
  encode(text: string): readonly number[];
}

export interface Prompt {
  readonly tokens: readonly number[];
  /** The last ones of `tokens`, where an answer goes on. */
  readonly partialAnswer: readonly number[];
  readonly partialText: string;
  readonly droppedTurns: number;
}

/** Answers whose tokens are kept: enough for every branch a user is likely to return to. */
const ANSWERS_KEPT = 64;

const NOTHING_FITTED: { readonly dropped: number; readonly firstKept: string } = {
  dropped: 0,
  firstKept: '',
};

export class Conversation {
  readonly #model: PromptModel;
  readonly #answers = new Map<string, readonly number[]>();
  #lastFit = NOTHING_FITTED;

  constructor(model: PromptModel) {
    this.#model = model;
  }

  /**
   * @returns 'full' where a partial answer fills the window
   * @throws HypnosError 'message-too-long' with `tokens`, `limit`
   */
  build(request: GenerateRequest): Prompt | 'full' {
    const model = this.#model;
    const { turns } = request;
    const render = (kept: readonly ChatTurn[]) =>
      renderPrompt(model.template, kept, (text) => model.encode(text), this.#answers);
    const rendered = render(turns);
    const dialogue = turns.filter((turn) => turn.role !== 'system');
    const kept = (dropped: number): ChatTurn | undefined => dialogue[dropped];
    const { dropped: lastDropped, firstKept } = this.#lastFit;
    const fixed = rendered.system.length + rendered.opening.length;
    const dropped = fitTurns({
      fixed,
      turns: rendered.turns.map((tokens) => tokens.length),
      isUser: (index) => kept(index)?.role === 'user',
      contextWindowSize: model.contextWindowSize,
      maxTokens: request.sampling.maxTokens,
      previouslyDropped: kept(lastDropped)?.content === firstKept ? lastDropped : 0,
    });
    if (dropped === null) {
      // A partial answer that fills the window is not the user's fault: it just cannot go on.
      if (rendered.partialAnswer.length > 0) return 'full';
      throw new HypnosError('message-too-long', {
        tokens: fixed + (rendered.turns.at(-1)?.length ?? 0),
        limit: model.contextWindowSize,
      });
    }
    this.#lastFit = { dropped, firstKept: kept(dropped)?.content ?? '' };
    const continued = dialogue.at(-1)?.role === 'assistant' ? dialogue.at(-1) : undefined;
    const system = turns.filter((turn) => turn.role === 'system');
    // Rendered again: some templates write the first turn after the system message differently.
    const fitting = dropped === 0 ? rendered : render([...system, ...dialogue.slice(dropped)]);
    return {
      tokens: [...fitting.system, ...fitting.turns.flat(), ...fitting.opening],
      partialAnswer: rendered.partialAnswer,
      partialText: continued?.content ?? '',
      droppedTurns: dropped,
    };
  }

  /** As if nothing had been asked yet. */
  forget(): void {
    this.#answers.clear();
    this.#lastFit = NOTHING_FITTED;
  }

  /** Keeps the tokens of an answer as the model wrote them. */
  remember(text: string, tokens: readonly number[]): void {
    if (tokens.length === 0) return;
    this.#answers.delete(text);
    this.#answers.set(text, tokens);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > ANSWERS_KEPT && oldest !== undefined) this.#answers.delete(oldest);
  }
}

/** How many tokens the two begin with in common. */
export function commonPrefix(a: readonly number[], b: readonly number[], limit: number): number {
  let length = 0;
  while (length < limit && length < a.length && a[length] === b[length]) length += 1;
  return length;
}
