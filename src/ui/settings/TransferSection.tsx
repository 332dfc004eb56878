import { useRef, useState } from 'react';
import { Download, FileText, Upload } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { useHistory, useStores } from '../../state/hooks.ts';
import type { ImportReport } from '../../state/types.ts';
import { Button, ErrorNotice, Field } from '../components/index.ts';
import { useTransfer } from '../history/transfer.ts';
import styles from './settings.module.css';

/** The whole history out to a file and back in. */
export function TransferSection() {
  const { t } = useTranslation('settings');
  const { history } = useStores();
  const { exportConversations } = useTransfer();
  const total = useHistory((state) => state.conversations.length);
  const input = useRef<HTMLInputElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<ImportReport | CodedError | null>(null);

  async function importFile(file: File | undefined) {
    if (!file) return;
    setBusy(true);
    setOutcome(null);
    try {
      setOutcome(await history.getState().importJson(file));
    } catch (error) {
      setOutcome(HypnosError.from(error, 'import-invalid').toCoded());
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <Field label={t('data.export')} hint={t('data.exportHint', { total })}>
        <div className={styles.buttons}>
          <Button
            size="s"
            disabled={total === 0}
            icon={<Download size={14} aria-hidden />}
            onClick={() => void exportConversations('json', undefined, t('data.fileName'))}
          >
            JSON
          </Button>
          <Button
            size="s"
            disabled={total === 0}
            icon={<FileText size={14} aria-hidden />}
            onClick={() => void exportConversations('markdown', undefined, t('data.fileName'))}
          >
            Markdown
          </Button>
        </div>
      </Field>
      <Field label={t('data.import')} hint={t('data.importHint')}>
        <Button
          size="s"
          busy={isBusy}
          icon={<Upload size={14} aria-hidden />}
          onClick={() => {
            input.current?.click();
          }}
        >
          {t('data.choose')}
        </Button>
        <input
          ref={input}
          type="file"
          accept=".json,application/json"
          hidden
          aria-label={t('data.import')}
          onChange={(event) => {
            const { files } = event.target;
            void importFile(files?.[0]).finally(() => {
              // The same file may be chosen again after it was mended.
              if (input.current) input.current.value = '';
            });
          }}
        />
      </Field>
      {outcome && ('code' in outcome ? <ErrorNotice error={outcome} /> : <Report report={outcome} />)}
    </>
  );
}

function Report({ report }: { readonly report: ImportReport }) {
  const { t } = useTranslation('settings');
  const lines = [
    t('data.added', { conversations: report.conversationsAdded, messages: report.messagesAdded }),
    report.conversationsUnchanged > 0 &&
      t('data.unchanged', { conversations: report.conversationsUnchanged }),
    report.conversationsCopied > 0 && t('data.copied', { conversations: report.conversationsCopied }),
  ];
  return (
    <div role="status" className={styles.report}>
      {lines.filter(Boolean).map((line) => (
        <p key={String(line)}>{line}</p>
      ))}
    </div>
  );
}
