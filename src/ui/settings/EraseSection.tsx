import { useState } from 'react';
import { Trash2 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { useHistory } from '../../state/hooks.ts';
import { Button, Dialog, ErrorNotice, Field, TextField } from '../components/index.ts';
import { useShell } from '../shell.ts';

/** Deleting everything: said plainly, and confirmed by typing a word, so that no slip of the hand does it. */
export function EraseSection() {
  const { t } = useTranslation('settings');
  const { t: common } = useTranslation();
  const total = useHistory((state) => state.conversations.length);
  const eraseEverything = useShell((state) => state.eraseEverything);
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<CodedError | null>(null);
  const word = t('erase.word');
  const isConfirmed = typed.trim().toLowerCase() === word.toLowerCase();

  async function erase() {
    if (!isConfirmed || isBusy) return;
    setBusy(true);
    try {
      await eraseEverything();
    } catch (failure) {
      setError(HypnosError.from(failure).toCoded());
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Field label={t('erase.label')} hint={t('erase.hint')}>
        <Button
          size="s"
          icon={<Trash2 size={14} aria-hidden />}
          onClick={() => {
            setTyped('');
            setError(null);
            setOpen(true);
          }}
        >
          {t('erase.open')}
        </Button>
      </Field>
      <Dialog
        open={isOpen}
        onOpenChange={setOpen}
        size="s"
        title={t('erase.confirm')}
        description={t('erase.consequence', { total })}
        footer={
          <>
            <Button
              onClick={() => {
                setOpen(false);
              }}
            >
              {common('cancel')}
            </Button>
            <Button variant="danger" disabled={!isConfirmed} busy={isBusy} onClick={() => void erase()}>
              {t('erase.do')}
            </Button>
          </>
        }
      >
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void erase();
          }}
        >
          <TextField
            label={t('erase.type', { word })}
            value={typed}
            onChange={(event) => {
              setTyped(event.target.value);
            }}
          />
        </form>
        {error && <ErrorNotice error={error} />}
      </Dialog>
    </>
  );
}
