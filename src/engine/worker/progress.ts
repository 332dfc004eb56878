/** Progress of one load, stage by stage: bytes, speed over the last seconds, time left; a few reports a second. */
import type { Clock } from '../../platform/clock.ts';
import { createRateMeter } from '../../platform/rate.ts';
import type { LoadProgress, LoadStage } from '../shared/api.ts';

const REPORT_EVERY_MS = 100;

export class ProgressMeter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #report: (progress: LoadProgress) => void;
  #stage: LoadStage = 'manifest';
  #bytesDone = 0;
  #bytesTotal = 0;
  #fraction: number | null = null;
  #rate = createRateMeter();
  #reportedAt = -Infinity;

  constructor(report: (progress: LoadProgress) => void, clock: Pick<Clock, 'now'>) {
    this.#report = report;
    this.#clock = clock;
  }

  /** @param bytesTotal of this stage; 0 where it moves none */
  begin(stage: LoadStage, bytesTotal = 0): void {
    this.#stage = stage;
    this.#bytesDone = 0;
    this.#bytesTotal = bytesTotal;
    this.#fraction = stage === 'ready' ? 1 : null;
    this.#rate = createRateMeter();
    this.#send(true);
  }

  addBytes(count: number): void {
    this.#bytesDone += count;
    this.#send(false);
  }

  /** For stages that count something other than bytes. */
  setFraction(fraction: number): void {
    this.#fraction = fraction;
    this.#send(fraction >= 1);
  }

  #send(isDue: boolean): void {
    const now = this.#clock.now();
    if (!isDue && now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    // A stage that moves no bytes, or stands still, has no speed.
    const bytesPerSecond = this.#rate(this.#bytesDone, now) || null;
    const left = this.#bytesTotal - this.#bytesDone;
    this.#report({
      stage: this.#stage,
      fraction: this.#bytesTotal > 0 ? Math.min(1, this.#bytesDone / this.#bytesTotal) : this.#fraction,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond,
      secondsLeft: bytesPerSecond === null ? null : Math.max(0, left / bytesPerSecond),
    });
  }
}
