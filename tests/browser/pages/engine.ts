/** The engine without the rest of the page: engine.test.ts drives it through `window.engine`. */
import { createEngineClient } from '../../../src/engine/client/index.ts';
import type { EngineState } from '../../../src/engine/client/index.ts';
import type { Timing } from '../../../src/engine/client/supervisor.ts';
import type { GenerateOutcome, LoadOptions, LoadProgress } from '../../../src/engine/shared/api.ts';
import { fetchIndex, locate } from '../../../src/packages/served.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import type { CodedError } from '../../../src/shared/errors.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';
import type { ChatTurn, SamplingSettings } from '../../../src/shared/types.ts';

export interface Answer {
  readonly text: string;
  /** How many pieces the text came in. */
  readonly pieces: number;
  readonly started: { promptTokens: number; reusedTokens?: number; droppedTurns: number } | null;
  readonly outcome: GenerateOutcome | null;
  readonly error: CodedError | null;
  readonly milliseconds: number;
}

export interface Ask {
  readonly turns: readonly ChatTurn[];
  readonly sampling?: Partial<SamplingSettings>;
  readonly responseSchema?: object;
  readonly isAlone?: boolean;
  /** Abort after this many pieces of text; 0: when the prefill begins. */
  readonly abortAfter?: number;
}

const modelsUrl = new URL('models/', location.href).href;
const fetchFile = (url: string, init: RequestInit) => fetch(url, init);

function createHarness(timing: Partial<Timing>, loadOptions: LoadOptions) {
  const client = createEngineClient({
    locate: async (id) => locate(await fetchIndex(modelsUrl, fetchFile), id),
    timing,
    loadOptions: () => loadOptions,
  });
  const phases: string[] = [];
  let answer = { text: '', pieces: 0 };
  const progress: LoadProgress[] = [];
  client.subscribe((state: EngineState) => {
    if (phases.at(-1) !== state.phase) phases.push(state.phase);
    if (state.phase === 'loading' || state.phase === 'recovering') progress.push(state.progress);
  });
  const coded = (error: unknown) => HypnosError.from(error).toCoded();
  return {
    client,
    phases,
    progress,
    /** Of the answer that runs. */
    piecesSoFar: () => answer.pieces,
    load: async () => {
      const started = performance.now();
      try {
        const { defaultId } = await fetchIndex(modelsUrl, fetchFile);
        const model = await client.load(defaultId ?? '');
        return { model, error: null, milliseconds: performance.now() - started };
      } catch (error) {
        return { model: null, error: coded(error), milliseconds: performance.now() - started };
      }
    },
    ask: async (ask: Ask): Promise<Answer> => {
      const abort = new AbortController();
      const startedAt = performance.now();
      const mine = { text: '', pieces: 0 };
      answer = mine;
      let started: Answer['started'] = null;
      const result = (outcome: GenerateOutcome | null, error: CodedError | null): Answer => ({
        ...mine,
        started,
        outcome,
        error,
        milliseconds: performance.now() - startedAt,
      });
      try {
        const outcome = await client.generate(
          {
            id: crypto.randomUUID(),
            turns: ask.turns,
            sampling: { ...DEFAULT_SAMPLING, temperature: 0, ...ask.sampling },
            ...(ask.responseSchema ? { responseSchema: ask.responseSchema } : {}),
            ...(ask.isAlone ? { isAlone: true } : {}),
          },
          {
            onStarted: (info) => {
              started = info;
              if (ask.abortAfter === 0) abort.abort();
            },
            onText: (delta) => {
              mine.text += delta;
              mine.pieces += 1;
              if (mine.pieces === ask.abortAfter) abort.abort();
            },
          },
          abort.signal,
        );
        return result(outcome, null);
      } catch (error) {
        return result(null, coded(error));
      }
    },
  };
}

export type Harness = ReturnType<typeof createHarness>;
declare global {
  interface Window {
    engine: Harness;
    startEngine: (timing?: Partial<Timing>, loadOptions?: LoadOptions) => void;
    /** Every worker that was started; put there by the test, before the page's own code. */
    workers: Worker[];
  }
}

window.startEngine = (timing = {}, loadOptions = {}) => {
  window.engine = createHarness(timing, { engine: 'web-llm', ...loadOptions });
};
window.startEngine();
