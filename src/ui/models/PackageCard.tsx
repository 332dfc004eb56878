import { useId, useState } from 'react';
import { ShieldAlert, ShieldCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat, useModel } from '../../state/hooks.ts';
import type { ModelActions, PackageSummary } from '../../state/types.ts';
import { Switch } from '../components/controls.ts';
import { Button, ErrorNotice, Pill, cx } from '../components/index.ts';
import { formatBytes, formatCount, formatNumber } from '../format.ts';
import { useShell } from '../shell.ts';
import { LoadProgressLine } from './LoadProgressLine.tsx';
import { UseCpuButton } from '../device/UseCpuButton.tsx';
import { OriginPills, PackageCare, SmallerContext } from './PackageCare.tsx';
import { PackageDetails } from './PackageDetails.tsx';
import { ProgressLine } from './ProgressLine.tsx';
import { useAnswerGuard } from './useAnswerGuard.tsx';
import { titleIn } from './useModelLine.ts';
import { originOf, useOriginLine } from './useOrigin.ts';
import styles from './PackageCard.module.css';

export interface PackageCardProps {
  readonly summary: PackageSummary;
  readonly actions: ModelActions;
}

export function PackageCard({ summary, actions }: PackageCardProps) {
  const { t, i18n } = useTranslation(['models', 'manager']);
  const engine = useModel((state) => state.engine);
  const lease = useModel((state) => state.lease);
  const isDefault = useModel((state) => state.defaultId === summary.id);
  const title = titleIn(summary.title, i18n.language);
  // Of its last answer in the conversation that was open: a figure of this device, not of a data sheet.
  const speed = useChat(
    (state) =>
      state.thread.findLast(({ message }) => message.model?.id === summary.id && message.stats !== null)
        ?.message.stats?.decodeTokensPerSecond ?? null,
  );

  const isRunning =
    (engine.phase === 'ready' || engine.phase === 'generating') && engine.model.id === summary.id;
  const isLoading =
    (engine.phase === 'loading' || engine.phase === 'recovering') && engine.packageId === summary.id;
  const failure = engine.phase === 'failed' && engine.packageId === summary.id ? engine.error : null;
  const isElsewhere = lease === 'waiting';
  /** Chosen while an answer is being written: it loads when that has ended. */
  const [isAsked, setAsked] = useState(false);
  const isAnswering = useChat((state) => state.answering !== null);
  const originId = useId();
  const originLine = useOriginLine();
  const { guard, dialog } = useAnswerGuard('unload');

  return (
    <article
      aria-label={title}
      aria-describedby={originId}
      className={cx(styles.card, isRunning && styles.running)}
    >
      {dialog}
      <header className={styles.header}>
        <div className={styles.names}>
          <h2>{title}</h2>
          <div className={styles.pills}>
            {isRunning && <Pill tone="accent">{t('running')}</Pill>}
            {isDefault && <Pill>{t('default')}</Pill>}
            <Pill
              tone={summary.reviewed ? 'ok' : 'warn'}
              icon={
                summary.reviewed ? (
                  <ShieldCheck size={13} aria-hidden />
                ) : (
                  <ShieldAlert size={13} aria-hidden />
                )
              }
            >
              {t(summary.reviewed ? 'reviewed' : 'unreviewed')}
            </Pill>
            {summary.facts && <OriginPills facts={summary.facts} />}
          </div>
        </div>
        <div className={styles.actions}>
          {!isDefault && (
            <Button
              size="s"
              variant="ghost"
              onClick={() => {
                actions.setDefault(summary.id);
              }}
            >
              {t('makeDefault')}
            </Button>
          )}
          {isRunning ? (
            <Button
              size="s"
              onClick={() => {
                guard(() => void actions.unload());
              }}
            >
              {t('unload')}
            </Button>
          ) : isElsewhere ? (
            <Button
              size="s"
              onClick={() => {
                actions.requestLease();
              }}
            >
              {t('takeOver')}
            </Button>
          ) : (
            !isLoading && (
              <Button
                size="s"
                variant="primary"
                disabled={isAsked}
                onClick={() => {
                  setAsked(isAnswering);
                  void actions.load(summary.id).finally(() => {
                    setAsked(false);
                  });
                }}
              >
                {t('load')}
              </Button>
            )
          )}
        </div>
      </header>

      <p id={originId} className={styles.origin}>
        {originLine(originOf(summary))}
      </p>
      <p className={styles.figures}>
        {[
          t('parameters', { count: summary.parameters, shown: formatCount(summary.parameters) }),
          summary.quantization,
          t('context', { shown: formatNumber(summary.contextWindowSize) }),
          formatBytes(summary.bytes),
          ...(speed === null ? [] : [t('measured', { shown: formatNumber(Math.round(speed)) })]),
        ].join(' · ')}
      </p>
      <p className={styles.notice}>{titleIn(summary.notice, i18n.language)}</p>
      {isAsked && isAnswering && <p role="status">{t('manager:afterAnswer')}</p>}

      {isLoading && (
        <LoadProgressLine
          progress={engine.progress}
          isRecovering={engine.phase === 'recovering'}
          onCancel={actions.cancelLoad}
        />
      )}
      {failure && failure.code !== 'cancelled' && (
        <ErrorNotice
          error={failure}
          actions={
            <>
              <Button size="s" onClick={() => void actions.load(summary.id)}>
                {t('tryAgain')}
              </Button>
              {failure.code === 'gpu-out-of-memory' && (
                <SmallerContext summary={summary} onChosen={() => void actions.load(summary.id)} />
              )}
              <UseCpuButton code={failure.code} onChosen={() => void actions.load(summary.id)} />
            </>
          }
        />
      )}

      {!summary.facts?.installed && <Keeping summary={summary} />}
      {summary.facts && <PackageCare summary={summary} facts={summary.facts} isRunning={isRunning} />}

      <details className={styles.more}>
        <summary>{t('provenance')}</summary>
        {summary.facts && <PackageDetails summary={summary} facts={summary.facts} />}
      </details>
    </article>
  );
}

function Keeping({ summary }: { readonly summary: PackageSummary }) {
  const { t } = useTranslation('models');
  const kept = useShell((state) => state.keptPackages?.has(summary.id) ?? summary.offline);
  const keeping = useShell((state) => state.keeping);
  const failure = useShell((state) =>
    state.keepError?.packageId === summary.id ? state.keepError.error : null,
  );
  const shellKept = useShell((state) => state.shellKept);
  const keepPackage = useShell((state) => state.keepPackage);
  const dropPackage = useShell((state) => state.dropPackage);
  const cancelKeeping = useShell((state) => state.cancelKeeping);
  const mine = keeping?.packageId === summary.id ? keeping : null;

  return (
    <div className={styles.keep}>
      <div className={styles.keepHead}>
        <Switch
          checked={kept || mine !== null}
          disabled={keeping !== null && mine === null}
          label={t('keep.label')}
          onCheckedChange={(checked) => {
            if (checked) void keepPackage(summary.id);
            else if (mine) cancelKeeping();
            else void dropPackage(summary.id);
          }}
        />
        <small>
          {mine
            ? null
            : kept
              ? t(shellKept === false ? 'keep.keptNoShell' : 'keep.kept')
              : t('keep.off', { size: formatBytes(summary.bytes) })}
        </small>
      </div>
      {mine && (
        <ProgressLine
          {...mine}
          label={t('keep.busy')}
          fraction={mine.bytesTotal > 0 ? mine.bytesDone / mine.bytesTotal : null}
          onCancel={cancelKeeping}
        />
      )}
      {failure && <ErrorNotice error={failure} />}
    </div>
  );
}
