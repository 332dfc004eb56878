import '../../i18n/device.ts';
import { Copy } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import { copyText } from '../clipboard.ts';
import { Button } from '../components/index.ts';
import { formatBytes } from '../format.ts';
import { useShell } from '../shell.ts';
import { useLikelyEngine } from '../models/useEngineLine.ts';
import { formatReport } from './report.ts';
import styles from './DeviceReportCard.module.css';

/** What this device offers a model, and the same as text to hand on. */
export function DeviceReportCard() {
  const { t } = useTranslation('device');
  const device = useModel((state) => state.device);
  const engine = useModel((state) => state.engine);
  const likely = useLikelyEngine(null);
  const version = useShell((state) => state.version);
  const adapter = device?.adapter ?? null;
  const buffer = Math.min(
    adapter?.limits.maxBufferSize ?? 0,
    adapter?.limits.maxStorageBufferBindingSize ?? 0,
  );
  const name =
    adapter && [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ');

  const facts: readonly (readonly [string, string])[] = device
    ? [
        [t('facts.webgpu'), t(device.hasWebGpu ? 'yes' : 'no')],
        [t('facts.adapter'), adapter ? name || t('unnamed') : t('none')],
        ...(adapter
          ? ([
              [t('facts.kind'), t(adapter.isFallback ? 'software' : 'hardware')],
              [t('facts.f16'), t(adapter.features.includes('shader-f16') ? 'supported' : 'unsupported')],
              [t('facts.buffer'), buffer > 0 ? formatBytes(buffer) : t('unknown')],
            ] as const)
          : []),
        [t('facts.processors'), String(device.hardwareConcurrency)],
        [
          t('facts.memory'),
          device.deviceMemoryGiB === null ? t('unknown') : t('memory', { gib: device.deviceMemoryGiB }),
        ],
      ]
    : [];

  return (
    <div className={styles.card}>
      {device ? (
        <dl className={styles.facts}>
          {facts.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className={styles.pending}>{t('pending')}</p>
      )}
      {adapter?.isFallback && (
        <p className={styles.slow}>{t(likely === 'web-llm' ? 'softwareHint' : 'softwareUnused')}</p>
      )}
      <Button
        size="s"
        icon={<Copy size={14} aria-hidden />}
        onClick={() => void copyText(formatReport(device, engine, version, new Date()))}
      >
        {t('copyReport')}
      </Button>
    </div>
  );
}
