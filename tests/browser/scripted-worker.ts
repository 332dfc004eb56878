/**
 * An engine worker for tests: speaks EngineApi over comlink like the real one, answers by script and at once.
 * The question decides:
 *   "#tokens N"      N numbered pieces          "#rate R"     R pieces per second (default 200)
 *   "#text BASE64"   exactly this UTF-8 text    "#piece N"    in pieces of N characters (default 64)
 *   "#hang"          never answers and never yields
 *   "#crash N"       the worker ends after N pieces            "#lost N"  reports a lost device after N pieces
 *   "#long"          finish reason 'length'     "#json"       a JSON object
 *   "#dropped N"     N turns did not fit the context window
 * and anything else gets a short Markdown answer that quotes it.
 */
import * as Comlink from 'comlink';
import type { DeviceReport, EngineApi, GenerateOutcome, LoadedModel } from '../../src/engine/shared/api.ts';
import type { CodedError, Result } from '../../src/shared/errors.ts';

/** Set by `scriptedEngine`: loads fail with this code on the GPU, or only with more context than the device has room for. */
interface ScriptedLoad {
  readonly code: CodedError['code'];
  readonly roomForTokens?: number;
}
declare const scriptedLoad: ScriptedLoad | null;

const CONTEXT_WINDOW = 2048;
let running: { id: string; stopped: boolean } | null = null;
let model: LoadedModel | null = null;

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const option = (text: string, name: string) => new RegExp(`#${name} (\\S+)`).exec(text)?.[1];

function answerTo(question: string): string[] {
  const encoded = option(question, 'text');
  if (encoded) {
    const text = new TextDecoder().decode(Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0)));
    const size = Number(option(question, 'piece') ?? 64);
    return text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'gu')) ?? [];
  }
  const tokens = option(question, 'tokens');
  if (tokens) return Array.from({ length: Number(tokens) }, (_, index) => `第${index}段 `);
  if (question.includes('#json')) return ['{"答案"', ': "好"}'];
  return [...`**回答**：${question}\n\n1. 第一步\n2. 第二步\n`];
}

const report: DeviceReport = {
  userAgent: navigator.userAgent,
  hasWebGpu: true,
  isSecureContext: true,
  adapter: {
    vendor: 'scripted',
    architecture: '',
    description: 'scripted engine',
    isFallback: false,
    features: ['shader-f16'],
    limits: {},
  },
  hardwareConcurrency: 4,
  deviceMemoryGiB: 8,
};

const api: EngineApi = {
  report: () => Promise.resolve(report),
  ping: () => Promise.resolve(),
  load: async (location, options, onProgress) => {
    const contextWindowSize = options.contextWindowSize ?? CONTEXT_WINDOW;
    const isOnCpu = options.engine === 'wllama';
    if (scriptedLoad && !isOnCpu && contextWindowSize > (scriptedLoad.roomForTokens ?? 0))
      return { ok: false, error: { code: scriptedLoad.code, detail: {} } };
    for (const [index, stage] of (['manifest', 'files', 'weights', 'shaders', 'ready'] as const).entries()) {
      onProgress({
        stage,
        fraction: index / 4,
        bytesDone: index * 1e6,
        bytesTotal: 4e6,
        bytesPerSecond: 1e7,
        secondsLeft: 0,
      });
      await wait(5);
    }
    model = {
      id: location.id,
      title: { zh: '脚本引擎', en: 'Scripted engine' },
      contextWindowSize,
      library: 'software',
      engine: isOnCpu ? 'wllama' : 'web-llm',
      engineReason: isOnCpu ? 'chosen' : 'gpu-fits',
    };
    return { ok: true, value: model };
  },
  generate: async (request, onEvent): Promise<Result<GenerateOutcome>> => {
    if (!model) return { ok: false, error: { code: 'model-not-loaded', detail: {} } };
    if (running) return { ok: false, error: { code: 'engine-busy', detail: {} } };
    const mine = { id: request.id, stopped: false };
    running = mine;
    const question = request.turns.findLast((turn) => turn.role === 'user')?.content ?? '';
    const rate = Number(option(question, 'rate') ?? 200);
    const crashAfter = Number(option(question, 'crash') ?? Infinity);
    const loseAfter = Number(option(question, 'lost') ?? Infinity);
    const promptTokens = request.turns.reduce((sum, turn) => sum + turn.content.length, 0);
    const droppedTurns = Number(option(question, 'dropped') ?? 0);
    const started = performance.now();
    let pieces = 0;
    // Events travel through a port of their own: the outcome must not overtake them.
    let delivered: unknown = null;
    try {
      onEvent({ type: 'started', promptTokens, droppedTurns });
      if (question.includes('#hang')) for (;;);
      for (const delta of answerTo(question)) {
        if (pieces >= crashAfter) {
          setTimeout(() => {
            throw new Error('scripted crash');
          });
          self.close();
          await new Promise(() => {});
        }
        if (pieces >= loseAfter)
          return { ok: false, error: { code: 'gpu-device-lost', detail: { reason: 'scripted' } } };
        // Pieces leave on a schedule, not after a pause each: timers are coarser than the rates tested.
        const due = started + (pieces * 1000) / rate;
        if (due > performance.now()) await wait(due - performance.now());
        if (mine.stopped || pieces >= request.sampling.maxTokens) break;
        delivered = onEvent({ type: 'text', delta });
        pieces += 1;
      }
      await delivered;
    } finally {
      running = null;
    }
    const seconds = (performance.now() - started) / 1000;
    return {
      ok: true,
      value: {
        finishReason: mine.stopped
          ? 'stopped'
          : question.includes('#long') || pieces >= request.sampling.maxTokens
            ? 'length'
            : 'stop',
        stats: {
          promptTokens,
          completionTokens: pieces,
          timeToFirstTokenSeconds: 0.01,
          prefillTokensPerSecond: promptTokens / 0.01,
          decodeTokensPerSecond: pieces / Math.max(seconds, 1e-3),
        },
        droppedTurns,
        contextTokens: Math.min(CONTEXT_WINDOW, promptTokens + pieces),
      },
    };
  },
  interrupt: (id) => {
    if (running?.id === id) running.stopped = true;
    return Promise.resolve();
  },
  unload: () => {
    model = null;
    return Promise.resolve();
  },
};

Comlink.expose(api);
