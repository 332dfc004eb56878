import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useStores } from '../../state/hooks.ts';
import { Button, Dialog } from '../components/index.ts';

/** What would cut an answer. */
export type CutBy = 'remove' | 'unload' | 'engine';

export interface AnswerGuard {
  /** Does it at once, or, while an answer is being written, after the person has been told and agreed. */
  readonly guard: (action: () => void) => void;
  /** To be drawn beside the control. */
  readonly dialog: ReactNode;
}

export function useAnswerGuard(by: CutBy): AnswerGuard {
  const { t } = useTranslation('manager');
  const { t: common } = useTranslation();
  const { chat } = useStores();
  const [asked, setAsked] = useState<(() => void) | null>(null);
  const close = () => {
    setAsked(null);
  };
  return {
    guard: (action) => {
      if (chat.getState().answering === null) action();
      else setAsked(() => action);
    },
    dialog: (
      <Dialog
        open={asked !== null}
        onOpenChange={close}
        size="s"
        title={t('cut.title')}
        description={t(`cut.${by}.what`)}
        footer={
          <>
            <Button onClick={close}>{common('cancel')}</Button>
            <Button
              variant="danger"
              onClick={() => {
                close();
                asked?.();
              }}
            >
              {t(`cut.${by}.do`)}
            </Button>
          </>
        }
      />
    ),
  };
}
