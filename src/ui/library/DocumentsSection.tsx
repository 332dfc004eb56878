import { useRef, useState } from 'react';
import { FileUp, RefreshCw, Trash2, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { DocumentRow } from '../../state/library.ts';
import { Button, Dialog, ErrorNotice, IconButton, ProgressBar } from '../components/index.ts';
import { Section } from '../components/Page.tsx';
import { useProtection } from '../shell.ts';
import { useDocuments } from './useDocuments.ts';
import styles from './library.module.css';

const ACCEPTED = '.md,.markdown,.txt,.docx,.pdf';

/** The hospital's own documents: import, list, replace, delete. */
export function DocumentsSection() {
  const { t } = useTranslation('library');
  const { t: common } = useTranslation();
  const { state, actions } = useDocuments();
  const [doomed, setDoomed] = useState<DocumentRow | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const protect = useProtection();
  const choose = () => {
    input.current?.click();
  };

  return (
    <Section title={t('documents.title')} hint={t('documents.hint')}>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={ACCEPTED}
        aria-label={t('documents.choose')}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = '';
          protect();
          void actions?.add(files);
        }}
      />
      <Button icon={<FileUp size={15} aria-hidden />} disabled={!actions} onClick={choose}>
        {t('documents.import')}
      </Button>
      {state.failures.map((error, index) => (
        <ErrorNotice
          key={index}
          error={error}
          actions={
            index === state.failures.length - 1 && (
              <Button size="s" onClick={() => actions?.dismissFailures()}>
                {t('documents.dismiss')}
              </Button>
            )
          }
        />
      ))}
      {state.imports.length > 0 && (
        <ul className={styles.documents} aria-label={t('documents.importing')}>
          {state.imports.map(({ id, name, progress }) => (
            <li key={id}>
              <div className={styles.documentName}>
                <b>{name}</b>
                <small>
                  {progress === null
                    ? t('documents.waiting')
                    : progress.stage === 'indexing'
                      ? t('documents.indexing')
                      : t('documents.reading', { done: progress.done, total: progress.total })}
                </small>
                <ProgressBar
                  label={`${t('documents.importing')} ${name}`}
                  value={progress?.stage === 'reading' ? progress.done / Math.max(1, progress.total) : null}
                />
              </div>
              <IconButton
                size="s"
                label={t('documents.cancelNamed', { name })}
                onClick={() => void actions?.cancel(id)}
              >
                <X size={15} aria-hidden />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      {state.documents.length > 0 ? (
        <ul className={styles.documents} aria-label={t('documents.list')}>
          {state.documents.map((row) => (
            <li key={row.id}>
              <Document row={row} />
              <IconButton size="s" label={t('documents.againNamed', { name: row.name })} onClick={choose}>
                <RefreshCw size={15} aria-hidden />
              </IconButton>
              <IconButton
                size="s"
                label={t('documents.removeNamed', { name: row.name })}
                onClick={() => {
                  setDoomed(row);
                }}
              >
                <Trash2 size={15} aria-hidden />
              </IconButton>
            </li>
          ))}
        </ul>
      ) : (
        state.loaded && state.imports.length === 0 && <p className={styles.note}>{t('documents.empty')}</p>
      )}
      <Dialog
        open={doomed !== null}
        onOpenChange={(isOpen) => {
          if (!isOpen) setDoomed(null);
        }}
        size="s"
        title={t('documents.confirm')}
        description={t('documents.consequence', { name: doomed?.name ?? '' })}
        footer={
          <>
            <Button
              onClick={() => {
                setDoomed(null);
              }}
            >
              {common('cancel')}
            </Button>
            <Button
              variant="danger"
              onClick={() => {
                if (doomed) void actions?.remove(doomed.id);
                setDoomed(null);
              }}
            >
              {t('documents.remove')}
            </Button>
          </>
        }
      />
    </Section>
  );
}

function Document({ row }: { readonly row: DocumentRow }) {
  const { t, i18n } = useTranslation('library');
  const facts = [
    ...(row.pages === null ? [] : [t('documents.pages', { pages: row.pages })]),
    t('documents.passages', { passages: row.passages }),
    t('documents.imported', { date: new Intl.DateTimeFormat(i18n.language).format(row.importedAt) }),
    ...(row.emptyPages > 0 ? [t('documents.emptyPages', { pages: row.emptyPages })] : []),
  ];
  return (
    <div className={styles.documentName}>
      <Link href={`/library/${row.id}`}>{row.name}</Link>
      <small>{facts.join(' · ')}</small>
    </div>
  );
}
