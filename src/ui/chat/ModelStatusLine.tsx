import type { ReactNode } from 'react';
import { AppWindow, CircleCheck, CircleSlash, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useErrorText } from '../../i18n/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { useModel } from '../../state/hooks.ts';
import { Button, cx } from '../components/index.ts';
import { UseCpuButton } from '../device/UseCpuButton.tsx';
import { LoadProgressLine } from '../models/LoadProgressLine.tsx';
import { useName } from '../models/useOrigin.ts';
import type { PackageSummary } from '../../state/types.ts';
import type { ModelStatus } from './modelStatus.ts';
import { useCurrentPackage } from './useModelStatus.ts';
import styles from './ModelStatusLine.module.css';

/** Why a question is not answered at once, and what can be done about it. Nothing when the model is ready. */
export function ModelStatusLine({ status }: { readonly status: ModelStatus }) {
  const { t } = useTranslation('chat');
  const [, navigate] = useLocation();
  const requestLease = useModel((state) => state.requestLease);
  const cancelLoad = useModel((state) => state.cancelLoad);

  switch (status.kind) {
    case 'ready':
    case 'preparing':
      return null;
    case 'loading':
      return <LoadProgressLine progress={status.progress} onCancel={cancelLoad} />;
    case 'recovering':
      return <LoadProgressLine progress={status.progress} isRecovering />;
    case 'elsewhere':
      return (
        <Line
          icon={<AppWindow size={16} aria-hidden />}
          hint={t('model.elsewhereHint')}
          action={
            <Button size="s" variant="primary" onClick={requestLease}>
              {t('model.takeOver')}
            </Button>
          }
        >
          {t('model.elsewhere')}
        </Line>
      );
    case 'no-device':
      return (
        <Line
          icon={<CircleSlash size={16} aria-hidden />}
          isWarning
          action={
            <Button
              size="s"
              onClick={() => {
                navigate('/device');
              }}
            >
              {t('model.noWebGpuAction')}
            </Button>
          }
        >
          {t('model.noWebGpu')}
        </Line>
      );
    case 'unloaded':
    case 'no-package':
      return <AbsentLine missing={status.missing} />;
    case 'failed':
      return <FailedLine error={status.error} />;
  }
}

/** No model is loaded: which one is missed, if one is, and the way to another. */
function AbsentLine({ missing }: { readonly missing: PackageSummary | null }) {
  const { t } = useTranslation('chat');
  const [, navigate] = useLocation();
  const next = useCurrentPackage();
  const others = useModel((state) => state.packages.length - (next ? 1 : 0));
  const ensureLoaded = useModel((state) => state.ensureLoaded);
  const nameOf = useName();
  const title = next && nameOf(next);
  return (
    <Line
      icon={<CircleSlash size={16} aria-hidden />}
      isWarning
      hint={title === null ? undefined : t('model.next', { title })}
      action={
        <>
          {title !== null && (
            <Button size="s" variant="primary" onClick={() => void ensureLoaded()}>
              {t('model.load')}
            </Button>
          )}
          {(title === null || others > 0) && (
            <Button
              size="s"
              onClick={() => {
                navigate('/models');
              }}
            >
              {t(title === null ? 'model.noneAction' : 'model.choose')}
            </Button>
          )}
        </>
      }
    >
      {missing && t('model.removed', { title: nameOf(missing) })}
      {t(title === null ? 'model.none' : 'model.unloaded')}
    </Line>
  );
}

function FailedLine({ error }: { readonly error: CodedError }) {
  const { t } = useTranslation(['chat', 'common']);
  const text = useErrorText(error);
  const ensureLoaded = useModel((state) => state.ensureLoaded);
  return (
    <Line
      icon={<TriangleAlert size={16} aria-hidden />}
      isWarning
      hint={text.next}
      action={
        <>
          <UseCpuButton code={error.code} />
          <Button size="s" onClick={() => void ensureLoaded()}>
            {t('common:retry')}
          </Button>
        </>
      }
    >
      {text.what}
    </Line>
  );
}

interface LineProps {
  readonly icon: ReactNode;
  readonly children: ReactNode;
  readonly hint?: string | undefined;
  readonly action: ReactNode;
  readonly isWarning?: boolean;
}

function Line({ icon, children, hint, action, isWarning = false }: LineProps) {
  return (
    <div className={cx(styles.line, isWarning && styles.warning)} role="status">
      {icon}
      <div className={styles.words}>
        <b>{children}</b>
        {hint && <span>{hint}</span>}
      </div>
      {action}
    </div>
  );
}

/** The same in the empty screen, where being ready is worth a word too. */
export function ReadyLine() {
  const { t } = useTranslation('chat');
  return (
    <p className={styles.ready}>
      <CircleCheck size={15} aria-hidden />
      {t('model.ready')}
    </p>
  );
}
