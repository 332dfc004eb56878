import { useEffect, useRef, useState } from 'react';
import { Check, Copy } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { IconButton, toast } from '../components/index.ts';

const SHOWN_MS = 1600;

/** Copies a text; the icon says for a moment that it was done. */
export function CopyButton({ label, getText }: { readonly label: string; readonly getText: () => string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  const timer = useRef<number>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );

  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(getText());
    } catch {
      toast({ title: t('copyFailed'), tone: 'danger' });
      return;
    }
    setDone(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setDone(false);
    }, SHOWN_MS);
  };
  return (
    <>
      <IconButton size="s" label={label} onClick={() => void copy()}>
        {done ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />}
      </IconButton>
      <span role="status" className="visually-hidden">
        {done ? t('copied') : ''}
      </span>
    </>
  );
}
