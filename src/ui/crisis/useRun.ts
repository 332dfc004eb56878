/**
 * The run of the card on screen. An event is on screen at once and written behind it; where writing fails it stays on
 * screen and the failure is told: a full disk must not stop anyone in a crisis.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import type { CrisisCard } from '../../state/crises.ts';
import { records } from '../../state/records.ts';
import type { CrisisEvent, CrisisRun, RunWithEvents } from '../../state/records.ts';

export interface RunState {
  /** null: not started. */
  readonly run: RunWithEvents | null;
  /** Why the last write failed. */
  readonly error: CodedError | null;
  readonly start: () => void;
  readonly add: (
    kind: CrisisEvent['kind'],
    step: { readonly id: string; readonly text: string } | null,
  ) => void;
}

export function useRun(card: CrisisCard): RunState {
  const [run, setRun] = useState<RunWithEvents | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  /** What is on screen, for handlers that follow each other before the next drawing. */
  const current = useRef<RunWithEvents | null>(null);
  const show = useCallback((next: RunWithEvents | null) => {
    current.current = next;
    setRun(next);
  }, []);
  const fail = useCallback((failure: unknown) => {
    setError(HypnosError.from(failure).toCoded());
  }, []);

  useEffect(
    () =>
      records.watchOpenRun(
        card.id,
        (stored) => {
          const shown = current.current;
          // What is on screen and not stored yet stays; what another tab or an earlier visit stored comes in.
          if (!stored) return;
          if (shown && shown.run.id !== stored.run.id) return;
          const known = new Set(stored.events.map(({ id }) => id));
          const unstored = shown?.events.filter(({ id }) => !known.has(id)) ?? [];
          show({ run: stored.run, events: [...stored.events, ...unstored] });
        },
        fail,
      ),
    [card.id, show, fail],
  );

  const begin = useCallback((): RunWithEvents => {
    if (current.current) return current.current;
    const fresh: CrisisRun = {
      id: crypto.randomUUID(),
      cardId: card.id,
      cardTitle: card.title,
      cardVersion: card.version,
      startedAt: Date.now(),
    };
    const begun = { run: fresh, events: [] };
    show(begun);
    records.startRun(fresh).catch(fail);
    return begun;
  }, [card, show, fail]);

  const add = useCallback<RunState['add']>(
    (kind, step) => {
      const { run: of, events } = begin();
      const event: CrisisEvent = {
        id: crypto.randomUUID(),
        runId: of.id,
        // Ascending, so that the order of events survives even a clock that is set back.
        at: Math.max(Date.now(), (events.at(-1)?.at ?? of.startedAt - 1) + 1),
        kind,
        stepId: step?.id ?? null,
        stepText: step?.text ?? null,
      };
      show(kind === 'end' ? null : { run: of, events: [...events, event] });
      records.addEvent(event).catch(fail);
    },
    [begin, show, fail],
  );

  const start = useCallback(() => {
    begin();
  }, [begin]);
  return { run, error, start, add };
}
