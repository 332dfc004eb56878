import { useState } from 'react';
import { Cpu, DatabaseZap, RefreshCw, TriangleAlert, Wrench } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useErrorText } from '../i18n/errors.ts';
import type { CodedError } from '../shared/errors.ts';
import { useChat, useHistory, useModel, useSettings, useStores } from '../state/hooks.ts';
import { Banner, Button } from '../ui/components/index.ts';
import { UseCpuButton } from '../ui/device/UseCpuButton.tsx';
import { useShell } from '../ui/shell.ts';

/**
 * States that concern every screen, the gravest first. Each shows itself only while it lasts; what the composer of a
 * conversation says itself, about the device and the engine, is not said twice.
 */
export function Banners() {
  const [location] = useLocation();
  const isOnChat = location === '/' || location.startsWith('/c/');
  return (
    <>
      <HistoryBanner />
      <UnsavedBanner />
      <GpuLostBanner />
      {!isOnChat && <RecoveringBanner />}
      {!isOnChat && <OtherTabBanner />}
      <UpdateBanner />
    </>
  );
}

/** So many losses of the GPU, and the CPU is offered. */
const GPU_LOSSES_BORNE = 2;

const reload = () => {
  location.reload();
};

function HistoryBanner() {
  const { t } = useTranslation('shell');
  const { t: common } = useTranslation();
  const { history } = useStores();
  const status = useHistory((state) => state.status);
  const error = useHistory((state) => state.error);
  const icon = <DatabaseZap size={16} aria-hidden />;
  if (status === 'blocked') {
    return (
      <Banner tone="warn" icon={icon} role="alert">
        {t('banner.blocked')}
      </Banner>
    );
  }
  if (status === 'newer-version' || status === 'unavailable') {
    const code = status === 'unavailable' ? 'storage-unavailable' : 'history-newer-version';
    return (
      <ErrorBanner
        error={{ code, detail: {} }}
        actions={
          <Button size="s" onClick={reload}>
            {common('reload')}
          </Button>
        }
      />
    );
  }
  if (!error || error.code === 'cancelled') return null;
  return (
    <ErrorBanner
      error={error}
      onDismiss={() => {
        history.getState().dismissError();
      }}
    />
  );
}

interface ErrorBannerProps {
  readonly error: CodedError;
  readonly actions?: React.ReactNode;
  readonly onDismiss?: () => void;
}

function ErrorBanner({ error, actions, onDismiss }: ErrorBannerProps) {
  const text = useErrorText(error);
  return (
    <Banner
      tone="danger"
      icon={<DatabaseZap size={16} aria-hidden />}
      role="alert"
      actions={actions}
      onDismiss={onDismiss}
    >
      {text.what}
      {text.kept}
      {text.next}
    </Banner>
  );
}

/** Answers that are on screen but could not be written: the one state in which closing the tab loses something. */
function UnsavedBanner() {
  const { t } = useTranslation('shell');
  const total = useChat((state) => state.unsaved.size);
  if (total === 0) return null;
  return (
    <Banner tone="danger" icon={<TriangleAlert size={16} aria-hidden />} role="alert">
      {t('banner.unsaved', { total })}
    </Banner>
  );
}

/** A GPU that fails again will fail a third time; the CPU is slower and steady. */
function GpuLostBanner() {
  const { t } = useTranslation('shell');
  const isOffered = useModel((state) => state.gpuLosses >= GPU_LOSSES_BORNE);
  const isOnCpu = useSettings((state) => state.engine === 'wllama');
  if (!isOffered || isOnCpu) return null;
  return (
    <Banner
      tone="warn"
      icon={<Cpu size={16} aria-hidden />}
      role="alert"
      actions={<UseCpuButton code="gpu-device-lost" variant="primary" />}
    >
      {t('banner.gpuLost')}
    </Banner>
  );
}

function RecoveringBanner() {
  const { t } = useTranslation('shell');
  const engine = useModel((state) => state.engine);
  const cause = useErrorText(
    engine.phase === 'recovering' ? engine.cause : { code: 'engine-crashed', detail: {} },
  );
  if (engine.phase !== 'recovering') return null;
  const { fraction } = engine.progress;
  return (
    <Banner tone="warn" icon={<Wrench size={16} aria-hidden />}>
      {cause.what}
      {cause.kept}
      {t('banner.recovering')}
      {fraction !== null && ` ${Math.round(fraction * 100)}%`}
    </Banner>
  );
}

function OtherTabBanner() {
  const { t } = useTranslation('shell');
  const { model } = useStores();
  const isElsewhere = useModel((state) => state.lease === 'waiting');
  if (!isElsewhere) return null;
  return (
    <Banner
      actions={
        <Button
          size="s"
          onClick={() => {
            model.getState().requestLease();
          }}
        >
          {t('banner.takeOver')}
        </Button>
      }
    >
      {t('banner.otherTab')}
    </Banner>
  );
}

/** Waits for the answer to end: an update reloads every tab. */
function UpdateBanner() {
  const { t } = useTranslation('shell');
  const update = useShell((state) => state.update);
  const applyUpdate = useShell((state) => state.applyUpdate);
  const isAnswering = useChat((state) => state.answering !== null);
  const [isLater, setLater] = useState(false);
  if (update === 'none' || isAnswering || isLater) return null;
  return (
    <Banner
      icon={<RefreshCw size={16} aria-hidden />}
      actions={
        <>
          <Button size="s" variant="primary" busy={update === 'applying'} onClick={applyUpdate}>
            {t('banner.updateNow')}
          </Button>
          <Button
            size="s"
            variant="ghost"
            onClick={() => {
              setLater(true);
            }}
          >
            {t('banner.updateLater')}
          </Button>
        </>
      }
    >
      {t('banner.update')}
    </Banner>
  );
}
