/**
 * One answer while it is written.
 *
 *   engine --deltas--> text --once per frame--> onText (screen)
 *                           --every FLUSH_MS, on hide--> history (one write at a time, always the latest text)
 *   end --> last write awaited --> history.finishAnswer
 *
 * A write that fails does not end the answer: the text is whole in memory and the next write carries all of it.
 */
import type { GenerateOutcome } from '../engine/shared/api.ts';
import type { HistoryRepository } from '../history/types.ts';
import { HypnosError } from '../shared/errors.ts';
import type { HypnosErrorCode } from '../shared/errors.ts';
import type { AnswerSources, ConversationId, Message } from '../shared/types.ts';
import { mergeStats } from './prompt.ts';
import type { StorePorts } from './ports.ts';

/** With the write itself at most a second of text is not yet stored. */
export const FLUSH_MS = 700;

/** The engine died or was taken away under the answer: it can be continued. Other failures are of the answer itself. */
const INTERRUPTIONS: readonly HypnosErrorCode[] = [
  'cancelled',
  'engine-crashed',
  'engine-unresponsive',
  'gpu-device-lost',
  'gpu-out-of-memory',
];

export type FinishedAnswer = Parameters<HistoryRepository['finishAnswer']>[1];

export interface AnswerListener {
  /** At most once per frame, and once at the end. */
  onText(): void;
  onWriteError(error: HypnosError): void;
}

export class AnswerRun {
  readonly message: Message;
  readonly conversationId: ConversationId;
  readonly controller = new AbortController();
  /** What the library had for the question, once it has been asked. */
  sources: AnswerSources | null = null;
  #text: string;
  #hasStarted = false;
  #droppedTurns: number;
  readonly #ports: Pick<StorePorts, 'history' | 'clock' | 'onNextFrame'>;
  readonly #listener: AnswerListener;
  #cancelFrame: (() => void) | null = null;
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #writtenText: string;
  #lastWriteAt: number;
  #isGone = false;
  #isStoppedByPerson = false;

  /** @param message the open answer; text it already has is continued */
  constructor(
    message: Message,
    ports: Pick<StorePorts, 'history' | 'clock' | 'onNextFrame'>,
    listener: AnswerListener,
  ) {
    this.message = message;
    this.conversationId = message.conversationId;
    this.#text = message.text;
    this.#writtenText = message.text;
    this.#droppedTurns = message.droppedTurns;
    this.#ports = ports;
    this.#listener = listener;
    this.#lastWriteAt = ports.clock.now();
  }

  get text(): string {
    return this.#text;
  }

  get waitingForFirstToken(): boolean {
    return !this.#hasStarted;
  }

  /** The message was deleted while it was written. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** The person's own wish: the only end that is called 'stopped'. */
  stop(): void {
    this.#isStoppedByPerson = true;
    this.controller.abort();
  }

  /** Something else takes the model or the conversation away; the answer may be continued. */
  interrupt(): void {
    this.controller.abort();
  }

  readonly append = (delta: string): void => {
    this.#text += delta;
    this.#hasStarted = true;
    this.#cancelFrame ??= this.#ports.onNextFrame(() => {
      this.#cancelFrame = null;
      this.#listener.onText();
    });
    this.#writeWhenDue();
  };

  readonly onStarted = ({ droppedTurns }: { readonly droppedTurns: number }): void => {
    this.#droppedTurns = droppedTurns;
  };

  /** Writes now what is not written yet, if no write is under way. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#writing || this.#isGone || this.#writtenText === this.#text) return;
    const text = this.#text;
    this.#lastWriteAt = this.#ports.clock.now();
    this.#writing = this.#ports.history.writeAnswerText(this.message.id, text).then(
      (exists) => {
        this.#writing = null;
        if (exists) {
          this.#writtenText = text;
          return;
        }
        this.#isGone = true;
        this.interrupt();
      },
      (error: unknown) => {
        this.#writing = null;
        this.#listener.onWriteError(HypnosError.from(error));
      },
    );
  }

  /** No more text will come; resolves when no write is under way. */
  async settle(): Promise<void> {
    this.#cancelFrame?.();
    this.#cancelTimer?.();
    this.#cancelFrame = null;
    this.#cancelTimer = null;
    await this.#writing;
  }

  finished(outcome: GenerateOutcome): FinishedAnswer {
    const isInterrupted = outcome.finishReason === 'stopped' && !this.#isStoppedByPerson;
    return {
      text: this.#text,
      finishReason: isInterrupted ? 'interrupted' : outcome.finishReason,
      droppedTurns: outcome.droppedTurns,
      stats: mergeStats(this.message.stats, outcome.stats),
      errorCode: isInterrupted ? 'cancelled' : null,
    };
  }

  failed(error: HypnosError): FinishedAnswer {
    const finishReason = this.#isStoppedByPerson
      ? 'stopped'
      : this.controller.signal.aborted || INTERRUPTIONS.includes(error.code) || this.#text !== ''
        ? 'interrupted'
        : 'failed';
    return {
      text: this.#text,
      finishReason,
      droppedTurns: this.#droppedTurns,
      stats: this.message.stats,
      errorCode: finishReason === 'stopped' ? null : error.code,
    };
  }

  /** On arrival of text rather than by a timer alone: timers of a hidden tab are slowed to one a minute. */
  #writeWhenDue(): void {
    const due = this.#lastWriteAt + FLUSH_MS - this.#ports.clock.now();
    if (due <= 0) this.flush();
    else
      this.#cancelTimer ??= this.#ports.clock.after(due, () => {
        this.#cancelTimer = null;
        this.flush();
      });
  }
}
