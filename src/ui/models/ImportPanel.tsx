import { useState } from 'react';
import type { DragEvent } from 'react';
import { FolderOpen, PackageOpen } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { describeDrop } from '../../state/bring.ts';
import type { SourceDescriptor } from '../../state/manager.ts';
import { Button, ErrorNotice, TextField, cx } from '../components/index.ts';
import { Section } from '../components/Page.tsx';
import { useProtection } from '../shell.ts';
import { ProgressLine } from './ProgressLine.tsx';
import { ArchiveButton, FolderButton } from './SourceButtons.tsx';
import { useManager } from './useManager.ts';
import styles from './ImportPanel.module.css';

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
  const isBusy = job !== null;

  const protect = useProtection();
  const bring = (source: SourceDescriptor) => {
    protect();
    void importFrom(source);
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
          <FolderButton
            variant="primary"
            icon={<FolderOpen size={16} aria-hidden />}
            disabled={isBusy}
            testId="import-folder"
            onPicked={bring}
          >
            {t('add.folder')}
          </FolderButton>
          <ArchiveButton
            icon={<PackageOpen size={16} aria-hidden />}
            disabled={isBusy}
            testId="import-archive"
            onPicked={bring}
          >
            {t('add.archive')}
          </ArchiveButton>
        </div>
        <p className={styles.hint}>{t(isOver ? 'add.dropNow' : 'add.drop')}</p>
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
