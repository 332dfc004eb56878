/**
 * Both engines with the same package and question, one after the other, then what was there before:
 *
 *   unload -> load on the GPU -> one short answer -> unload -> load on the CPU -> the same -> what ran before
 *
 * It takes the engine only while nobody waits for an answer, and leaves it to another tab that asks for it.
 */
import type { EngineClient } from '../engine/client/types.ts';
import type { EngineName } from '../engine/shared/api.ts';
import type { Clock } from '../platform/clock.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError } from '../shared/errors.ts';
import type { PackageId } from '../shared/types.ts';
import { measureSpeed } from './speed.ts';

export interface EngineFigures {
  /** From nothing to ready. */
  readonly loadSeconds: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  /** A usual question and answer, loading not counted. */
  readonly answerSeconds: number;
}

/** Of one engine: its figures, or why it cannot run the package here. */
export type EngineTrial = { readonly figures: EngineFigures } | { readonly error: CodedError };

export interface EngineComparison {
  readonly trials: Readonly<Record<EngineName, EngineTrial>>;
  /** null: neither runs. */
  readonly recommended: EngineName | null;
}

export interface ComparisonStep {
  /** null: what ran before is loaded again. */
  readonly engine: EngineName | null;
  readonly isAnswering: boolean;
}

export interface ComparisonPorts {
  readonly engine: Pick<EngineClient, 'load' | 'unload' | 'generate'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly packageId: PackageId;
  /** Whether this tab may use the engine. */
  readonly mayRun: () => boolean;
  /** Resolves once no answer is being written. */
  readonly whenIdle: () => Promise<void>;
  /** Loads what was loaded before, as it was. */
  readonly restore: () => Promise<unknown>;
}

/** Tokens of a usual question with its passages, and of its answer. */
const USUAL = { prompt: 600, answer: 250 };
/** An answer this much slower is as fast to whoever waits for it. */
const ALIKE = 1.15;

/**
 * @throws HypnosError 'cancelled' when `signal` or another tab ended it; what ran before is loaded again all the same,
 *   unless another tab has the engine
 */
export async function compareEngines(
  ports: ComparisonPorts,
  onStep: (step: ComparisonStep) => void,
  signal: AbortSignal,
): Promise<EngineComparison> {
  const { engine, clock, packageId, mayRun, whenIdle } = ports;

  async function trial(name: EngineName): Promise<EngineTrial> {
    await whenIdle();
    if (signal.aborted || !mayRun()) throw new HypnosError('cancelled');
    onStep({ engine: name, isAnswering: false });
    void engine.unload(); // takes effect at once
    const started = clock.now();
    try {
      await engine.load(packageId, signal, { engine: name });
      const loadSeconds = (clock.now() - started) / 1000;
      onStep({ engine: name, isAnswering: true });
      const stats = await measureSpeed(engine, signal);
      if (signal.aborted) throw new HypnosError('cancelled');
      const { prefillTokensPerSecond, decodeTokensPerSecond } = stats;
      const answerSeconds = USUAL.prompt / prefillTokensPerSecond + USUAL.answer / decodeTokensPerSecond;
      return { figures: { loadSeconds, prefillTokensPerSecond, decodeTokensPerSecond, answerSeconds } };
    } catch (error) {
      const coded = HypnosError.from(error, 'engine-load-failed');
      if (coded.code === 'cancelled') throw coded;
      return { error: coded.toCoded() };
    }
  }

  try {
    const trials = { 'web-llm': await trial('web-llm'), wllama: await trial('wllama') };
    return { trials, recommended: recommend(trials) };
  } finally {
    // A question that was asked meanwhile is answered first, by the engine that is loaded.
    await whenIdle();
    if (mayRun()) {
      onStep({ engine: null, isAnswering: false });
      await ports.restore().catch(() => undefined); // a failure is the engine's state, which is shown
    }
  }
}

/**
 * The package that is loaded, or the default one.
 * @throws HypnosError as `compareEngines`; 'model-not-loaded' where there is none, 'engine-busy' for another tab's engine
 */
export async function compareLoaded(
  {
    before,
    defaultId,
    load,
    ...ports
  }: Pick<ComparisonPorts, 'engine' | 'clock' | 'mayRun' | 'whenIdle'> & {
    /** What is loaded. */
    readonly before: PackageId | null;
    readonly load: (id: PackageId) => Promise<unknown>;
    readonly defaultId: PackageId | null;
  },
  onStep: (step: ComparisonStep) => void,
  signal: AbortSignal,
): Promise<EngineComparison> {
  const { engine, mayRun } = ports;
  const packageId = before ?? defaultId;
  if (packageId === null) throw new HypnosError('model-not-loaded');
  if (!mayRun()) throw new HypnosError('engine-busy', { holder: 'another-tab' });
  const restore = async () => {
    void engine.unload(); // takes effect at once
    if (before !== null) await load(before);
  };
  return compareEngines({ ...ports, packageId, restore }, onStep, signal);
}

/** The one whose answers are done sooner; of two alike, the one that is ready sooner. */
export function recommend(trials: EngineComparison['trials']): EngineName | null {
  const { 'web-llm': gpu, wllama: cpu } = trials;
  if (!('figures' in gpu)) return 'figures' in cpu ? 'wllama' : null;
  if (!('figures' in cpu)) return 'web-llm';
  const ratio = gpu.figures.answerSeconds / cpu.figures.answerSeconds;
  if (ratio > ALIKE) return 'wllama';
  if (ratio < 1 / ALIKE) return 'web-llm';
  return gpu.figures.loadSeconds <= cpu.figures.loadSeconds ? 'web-llm' : 'wllama';
}
