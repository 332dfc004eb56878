import type { ReactNode } from 'react';
import { useModel, useSettings, useStores } from '../../state/hooks.ts';
import type { EnginePreference } from '../../state/types.ts';
import { useAnswerGuard } from './useAnswerGuard.tsx';

export interface EngineChoice {
  readonly preference: EnginePreference;
  /**
   * Remembers the engine and loads what is loaded with it, after the person has agreed to cutting an answer.
   * @param isRunning what is loaded runs on it already
   */
  readonly choose: (engine: EnginePreference, isRunning?: boolean) => void;
  /** To be drawn beside the control. */
  readonly dialog: ReactNode;
}

export function useEngineChoice(): EngineChoice {
  const { model } = useStores();
  const preference = useSettings((state) => state.engine);
  const update = useSettings((state) => state.update);
  const isIdle = useModel((state) => state.engine.phase === 'idle');
  const { guard, dialog } = useAnswerGuard('engine');
  return {
    preference,
    choose: (engine, isRunning = false) => {
      guard(() => {
        update({ engine });
        if (!isIdle && !isRunning) void model.getState().reload();
      });
    },
    dialog,
  };
}
