import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import '../../i18n/manager.ts';
import { useModel, useStores } from '../../state/hooks.ts';
import { ErrorNotice, ScreenHeader } from '../components/index.ts';
import { Page, Section } from '../components/Page.tsx';
import { DeviceReportCard } from '../device/DeviceReportCard.tsx';
import { EngineComparison } from '../device/EngineComparison.tsx';
import { useShell } from '../shell.ts';
import { CpuEngineKeeping } from './CpuEngineKeeping.tsx';
import { EngineCard } from './EngineCard.tsx';
import { ImportPanel } from './ImportPanel.tsx';
import { PackageCard } from './PackageCard.tsx';
import { Leftovers } from './Leftovers.tsx';
import { StorageCard } from './StorageCard.tsx';
import styles from './ModelsScreen.module.css';

/** The packages served and installed, what they are, what this device makes of them, and how to bring more. */
export function ModelsScreen() {
  const { t } = useTranslation('models');
  const { model } = useStores();
  const packages = useModel((state) => state.packages);
  const isLoaded = useModel((state) => state.packagesLoaded);
  const error = useModel((state) => state.error);
  const engine = useModel((state) => state.engine);
  const refreshStorage = useShell((state) => state.refreshStorage);

  useEffect(() => {
    void refreshStorage();
  }, [refreshStorage, packages]); // bringing and removing change what is used
  // A failure that belongs to one package is shown on its card.
  const isOfPackage = engine.phase === 'failed' && engine.packageId !== null;

  return (
    <>
      <ScreenHeader title={t('title')} />
      <Page>
        {error && error.code !== 'cancelled' && !isOfPackage && <ErrorNotice error={error} />}
        <div className={styles.packages}>
          {packages.map((summary) => (
            <PackageCard key={summary.id} summary={summary} actions={model.getState()} />
          ))}
          {isLoaded && packages.length === 0 && <p className={styles.empty}>{t('empty')}</p>}
          {!isLoaded && <p className={styles.empty}>{t('reading')}</p>}
        </div>
        <Leftovers />
        <ImportPanel />
        <Section title={t('storage.title')} hint={t('storage.hint')}>
          <StorageCard />
        </Section>
        <Section title={t('device')}>
          <EngineCard />
          <CpuEngineKeeping />
          <EngineComparison />
          <DeviceReportCard />
        </Section>
      </Page>
    </>
  );
}
