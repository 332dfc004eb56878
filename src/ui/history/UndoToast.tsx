import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useHistory, useStores } from '../../state/hooks.ts';
import { UNDO_MS } from '../../state/types.ts';
import type { ConversationId } from '../../shared/types.ts';
import { toast } from '../components/toast.ts';

/** Says what was deleted, and takes it back for as long as the history can. Leaves the deleted conversation's screen. */
export function UndoToast(): null {
  const { t } = useTranslation('history');
  const { history } = useStores();
  const undo = useHistory((state) => state.undo);
  const [location, navigate] = useLocation();
  const wasOnScreen = useRef<ConversationId | null>(null);
  const isOnScreen = undo !== null && location.split('/')[2] === undo.id;

  useEffect(() => {
    if (!undo || !isOnScreen || wasOnScreen.current === undo.id) return;
    wasOnScreen.current = undo.id;
    navigate('/', { replace: true });
  }, [undo, isOnScreen, navigate]);

  useEffect(() => {
    if (!undo) return;
    return toast({
      title: t('deleted', { title: undo.title || t('untitled') }),
      milliseconds: UNDO_MS,
      action: {
        label: t('undo'),
        onClick: () => {
          void history
            .getState()
            .undoRemove()
            .then(() => {
              if (wasOnScreen.current === undo.id) navigate(`/c/${undo.id}`);
              wasOnScreen.current = null;
            });
        },
      },
    });
  }, [undo, history, navigate, t]);
  return null;
}
