import { useRef, useState } from 'react';
import type { DragEvent } from 'react';
import { FolderOpen, PackageOpen } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { describeDrop, describeFiles } from '../../state/bring.ts';
import type { SourceDescriptor } from '../../state/manager.ts';
import { Button, ErrorNotice, TextField, cx } from '../components/index.ts';
import { Section } from '../components/Page.tsx';
import { ProgressLine } from './ProgressLine.tsx';
import { useManager } from './useManager.ts';
import styles from './ImportPanel.module.css';

interface DirectoryPicker {
  showDirectoryPicker?: (options: { id: string; mode: 'read' }) => Promise<FileSystemDirectoryHandle>;
}

/** Brings a model: a folder, an archive, what is dropped here, or an address of this site. */
export function ImportPanel() {
  const { t } = useTranslation('manager');
  const job = useManager((state) => state.job);
  const failure = useManager((state) => state.failure);
  const importFrom = useManager((state) => state.importFrom);
  const cancel = useManager((state) => state.cancel);
  const fail = useManager((state) => state.fail);
  const [isOver, setOver] = useState(false);
  const [address, setAddress] = useState('');
  const folderInput = useRef<HTMLInputElement>(null);
  const archiveInput = useRef<HTMLInputElement>(null);
  const isBusy = job !== null;

  const bring = (source: SourceDescriptor) => void importFrom(source);
  const pickFolder = async () => {
    const { showDirectoryPicker } = window as DirectoryPicker;
    if (!showDirectoryPicker) return void folderInput.current?.click();
    try {
      const handle = await showDirectoryPicker.call(window, { id: 'hypnos-models', mode: 'read' });
      bring({ kind: 'folder', handle });
    } catch (error) {
      const isChoice = error instanceof DOMException && error.name === 'AbortError';
      if (!isChoice) folderInput.current?.click(); // blocked by policy: the older way needs no permission
    }
  };
  const onDrop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (isBusy) return;
    const source = await describeDrop(event.dataTransfer).catch(() => null);
    if (source) bring(source);
    else fail({ code: 'package-file-unexpected', detail: { file: '?', reason: t('add.notOne') } });
  };

  return (
    <Section title={t('add.title')} hint={t('add.hint')}>
      <div
        className={cx(styles.zone, isOver && styles.over)}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => {
          setOver(false);
        }}
        onDrop={(event) => void onDrop(event)}
      >
        <div className={styles.buttons}>
          <Button
            variant="primary"
            icon={<FolderOpen size={16} aria-hidden />}
            disabled={isBusy}
            onClick={() => void pickFolder()}
          >
            {t('add.folder')}
          </Button>
          <Button
            icon={<PackageOpen size={16} aria-hidden />}
            disabled={isBusy}
            onClick={() => archiveInput.current?.click()}
          >
            {t('add.archive')}
          </Button>
        </div>
        <p className={styles.hint}>{t(isOver ? 'add.dropNow' : 'add.drop')}</p>
        <input
          ref={folderInput}
          type="file"
          hidden
          // React knows the attribute only in lower case.
          {...{ webkitdirectory: '' }}
          data-testid="import-folder"
          onChange={({ target }) => {
            if (target.files?.length) bring(describeFiles([...target.files]));
            target.value = '';
          }}
        />
        <input
          ref={archiveInput}
          type="file"
          hidden
          accept=".hypnos,.zip"
          data-testid="import-archive"
          onChange={({ target }) => {
            const file = target.files?.[0];
            if (file) bring({ kind: 'archive', file });
            target.value = '';
          }}
        />
        <form
          className={styles.address}
          onSubmit={(event) => {
            event.preventDefault();
            const url = new URL(address.replace(/\/?$/, '/'), document.baseURI);
            bring({ kind: 'url', baseUrl: url.href });
          }}
        >
          <TextField
            label={t('add.address')}
            labelHidden
            placeholder={t('add.addressHint')}
            value={address}
            onChange={({ target }) => {
              setAddress(target.value);
            }}
          />
          <Button type="submit" disabled={isBusy || address.trim() === ''}>
            {t('add.fromAddress')}
          </Button>
        </form>
      </div>
      {job?.kind === 'import' && <JobLine onCancel={cancel} />}
      {failure?.key === null && <ErrorNotice error={failure.error} />}
    </Section>
  );
}

/** What an import or a verification is doing: stage, file, bar, bytes, speed, time left. */
export function JobLine({ onCancel }: { readonly onCancel: () => void }) {
  const { t } = useTranslation('manager');
  const job = useManager((state) => state.job);
  if (!job) return null;
  const { stage, file, bytesDone, bytesTotal } = job.progress;
  return (
    <ProgressLine
      label={t(`stage.${stage}`)}
      fraction={bytesTotal > 0 ? bytesDone / bytesTotal : null}
      file={file}
      bytesDone={bytesDone}
      bytesTotal={bytesTotal}
      bytesPerSecond={job.bytesPerSecond}
      secondsLeft={job.secondsLeft}
      onCancel={onCancel}
    />
  );
}
