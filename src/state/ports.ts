/** What the stores need from the world; `browser.ts` has the real ones, tests their own. */
import type { EngineClient } from '../engine/client/types.ts';
import type { HistoryRepository } from '../history/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { EngineLease as Lease } from '../platform/locks.ts';
import type { AnswerSources, PackageId, Timestamp } from '../shared/types.ts';
import type { PackageSummary } from './types.ts';

export interface ServedPackages {
  readonly defaultId: PackageId | null;
  readonly packages: readonly PackageSummary[];
}

/** Small values that outlive the page: settings, not conversations. Never throws. */
export interface KeyValueStorage {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
  /** Called when another tab changed the value. */
  watch(key: string, listener: () => void): () => void;
}

/** What a model can make of passages in its prompt. */
export type Reader = Pick<PackageSummary, 'parameters' | 'contextWindowSize'>;

export interface FoundSources {
  readonly sources: AnswerSources;
  /** The question with the passages around it, for a model that can use them; null: the question goes alone. */
  readonly prompt: string | null;
}

/** The library, as answers need it. */
export interface SourcePort {
  /**
   * Passages for a question.
   * @param earlier the conversation's questions before it, oldest first
   * @param kept of an answer that is continued: what it was given
   * @throws HypnosError 'library-unavailable', 'library-invalid'
   */
  find(
    question: string,
    earlier: readonly string[],
    reader: Reader | null,
    kept: AnswerSources | null,
  ): Promise<FoundSources>;
  /** The answer without citations of what was not retrieved, and how many there were. */
  checkCitations(
    text: string,
    sources: AnswerSources,
  ): Promise<{ readonly text: string; readonly dropped: number }>;
}

export type LeasePort = Pick<Lease, 'state' | 'subscribe' | 'wait' | 'requestHandover' | 'dispose'>;

export interface StorePorts {
  readonly history: HistoryRepository;
  readonly engine: EngineClient;
  readonly listPackages: () => Promise<ServedPackages>;
  /** @param onHandover called before the lease is given up to a tab that asked for it */
  readonly createLease: (onHandover: () => Promise<void>) => LeasePort;
  /** Absent: answers have no sources. */
  readonly sources?: SourcePort;
  readonly storage: KeyValueStorage;
  readonly clock: Clock;
  /** Wall time. */
  readonly now: () => Timestamp;
  /** Calls back before the next frame is drawn; the returned function cancels. */
  readonly onNextFrame: (callback: () => void) => () => void;
  /** Calls back whenever the page is hidden or left: the last moment that is sure to come. */
  readonly onHide: (callback: () => void) => () => void;
}
