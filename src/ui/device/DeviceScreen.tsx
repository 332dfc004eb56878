import '../../i18n/device.ts';
import { Copy, MonitorX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import { copyText } from '../clipboard.ts';
import { Button, IconButton, ScreenHeader } from '../components/index.ts';
import { Page, Section } from '../components/Page.tsx';
import { useErrorText } from '../../i18n/errors.ts';
import { DeviceReportCard } from './DeviceReportCard.tsx';
import { browserOf, findDeviceProblem, isLinux } from './problem.ts';
import type { DeviceProblem, UserAgent } from './problem.ts';
import styles from './DeviceScreen.module.css';

/** Settings pages of browsers cannot be linked to: their addresses are shown to be copied. */
const ADDRESSES = {
  chrome: ['chrome://settings/system', 'chrome://gpu'],
  edge: ['edge://settings/system', 'edge://gpu'],
  firefox: ['about:config', 'about:support'],
  safari: [],
  other: [],
} as const;
const LINUX_ADDRESSES = {
  chrome: ['chrome://flags/#enable-unsafe-webgpu', 'chrome://flags/#enable-vulkan'],
  edge: ['edge://flags/#enable-unsafe-webgpu', 'edge://flags/#enable-vulkan'],
} as const;

/** Shown where no model can run: what is missing, what to do in this browser, and a report to hand on. */
export function DeviceScreen() {
  const { t } = useTranslation('device');
  const device = useModel((state) => state.device);
  const engine = useModel((state) => state.engine);
  const problem = findDeviceProblem(device, engine);
  return (
    <>
      <ScreenHeader title={t('title')} />
      <Page>
        {problem ? <Problem problem={problem} /> : <p className={styles.fine}>{t('fine')}</p>}
        <Section title={t('report')} hint={t('reportHint')}>
          <DeviceReportCard />
        </Section>
      </Page>
    </>
  );
}

function Problem({ problem }: { readonly problem: DeviceProblem }) {
  const { t } = useTranslation('device');
  const engine = useModel((state) => state.engine);
  const browser = browserOf(navigator as UserAgent);
  const needsWebGpu = problem === 'no-webgpu' || problem === 'no-adapter';
  const linux = isLinux(navigator.userAgent) && (browser === 'chrome' || browser === 'edge');
  const addresses = [...(linux ? LINUX_ADDRESSES[browser] : []), ...ADDRESSES[browser]];
  const steps = needsWebGpu
    ? [
        ...Object.values(t(`steps.${browser}`, { returnObjects: true })),
        ...(linux ? Object.values(t('steps.linux', { returnObjects: true })) : []),
      ]
    : Object.values(t(`steps.${problem}`, { returnObjects: true }));
  return (
    <>
      <div className={styles.problem}>
        <MonitorX size={32} aria-hidden />
        <div>
          <h2>{t(`problem.${problem}.title`)}</h2>
          <p>{t(`problem.${problem}.text`)}</p>
          {engine.phase === 'failed' && !needsWebGpu && <FailureDetail />}
          <p className={styles.kept}>{t(problem === 'insecure' ? 'kept' : 'onProcessor')}</p>
        </div>
      </div>
      <Section title={needsWebGpu ? t('howTo', { browser: t(`browsers.${browser}`) }) : t('whatToDo')}>
        <ol className={styles.steps}>
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
        {needsWebGpu && addresses.length > 0 && (
          <ul className={styles.addresses} aria-label={t('addresses')}>
            {addresses.map((address) => (
              <li key={address}>
                <code>{address}</code>
                <IconButton
                  label={t('copyAddress', { address })}
                  size="s"
                  tooltip={false}
                  onClick={() => void copyText(address)}
                >
                  <Copy size={14} aria-hidden />
                </IconButton>
              </li>
            ))}
          </ul>
        )}
        <Button
          variant="primary"
          onClick={() => {
            location.reload();
          }}
        >
          {t('checkAgain')}
        </Button>
      </Section>
    </>
  );
}

function FailureDetail() {
  const { t } = useTranslation('device');
  const engine = useModel((state) => state.engine);
  const error = engine.phase === 'failed' ? engine.error : { code: 'unknown' as const, detail: {} };
  const text = useErrorText(error);
  const { limit, needed, offered } = error.detail;
  if (limit === undefined) return <p>{text.detail}</p>;
  return (
    <p>
      <code>{t('shortfall', { limit, needed, offered })}</code>
    </p>
  );
}
