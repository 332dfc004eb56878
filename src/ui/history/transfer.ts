import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { ConversationId } from '../../shared/types.ts';
import { useStores } from '../../state/hooks.ts';
import { toast } from '../components/index.ts';

export type ExportFormat = 'json' | 'markdown';

const EXTENSION: Readonly<Record<ExportFormat, string>> = { json: 'json', markdown: 'md' };

/** A name every file system takes: no reserved signs or controls, at most 60 characters. */
export function exportFileName(title: string, format: ExportFormat, date: Date): string {
  const stamp = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  const safe = Array.from(title.replace(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, ' ').trim())
    .slice(0, 60)
    .join('')
    .replace(/[. ]+$/, '');
  return `${safe || 'Hypnos'} ${stamp}.${EXTENSION[format]}`;
}

/** Hands the file to the browser's downloads. */
export function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}

/** Exports conversations (all when no ids are given) and says so where it fails. */
export function useTransfer() {
  const { history } = useStores();
  const { t: errorText } = useTranslation('errors');
  return useMemo(
    () => ({
      exportConversations: async (
        format: ExportFormat,
        ids: readonly ConversationId[] | undefined,
        title: string,
      ): Promise<void> => {
        const { exportJson, exportMarkdown } = history.getState();
        try {
          const file = await (format === 'json' ? exportJson(ids) : exportMarkdown(ids));
          saveFile(file, exportFileName(title, format, new Date()));
        } catch (error) {
          const { code } = HypnosError.from(error);
          toast({ title: errorText(`${code}.what`), description: errorText(`${code}.next`), tone: 'danger' });
        }
      },
    }),
    [history, errorText],
  );
}
