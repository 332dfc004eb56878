import type { Amount, CalculationId, Finding, FormulaId, SourceId } from '../dose/draft.ts';

/** Milliseconds since the epoch. */
type Timestamp = number;

export interface DoseRecord {
  readonly id: string;
  readonly at: Timestamp;
  readonly version: string;
  readonly calculation: CalculationId;
  readonly drug: string | null;
  readonly verdict: 'clear' | 'acknowledged' | 'refused';
  readonly inputs: readonly Amount[];
  /** Empty when refused. */
  readonly results: readonly Amount[];
  readonly worked: readonly string[];
  readonly formulas: readonly FormulaId[];
  readonly sources: readonly SourceId[];
  readonly findings: readonly Finding[];
  /** Why the limits were passed; null where none was, or where it was refused. */
  readonly reason: string | null;
}

export interface CrisisRun {
  readonly id: string;
  readonly cardId: string;
  readonly cardTitle: string;
  readonly cardVersion: string;
  readonly startedAt: Timestamp;
}

export interface CrisisEvent {
  readonly id: string;
  readonly runId: string;
  readonly at: Timestamp;
  /** 'untick': ticked by mistake. 'repeat': done once more. 'end': the run is over. */
  readonly kind: 'tick' | 'untick' | 'repeat' | 'end';
  /** null for 'end'. */
  readonly stepId: string | null;
  /** The step as it was on screen. */
  readonly stepText: string | null;
}

export interface RunWithEvents {
  readonly run: CrisisRun;
  /** In the order in which they happened. */
  readonly events: readonly CrisisEvent[];
}
