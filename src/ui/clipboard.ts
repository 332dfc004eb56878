import i18next from 'i18next';
import { toast } from './components/index.ts';

/** Copies the text and says whether it worked. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast({ title: i18next.t('copied'), milliseconds: 2000 });
  } catch {
    toast({ title: i18next.t('copyFailed'), tone: 'danger' });
  }
}
