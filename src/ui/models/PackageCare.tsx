import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { chooseContext, contextChoice, contextSizes } from '../../state/contextChoice.ts';
import { fitOf } from '../../state/fit.ts';
import { useModel, useStores } from '../../state/hooks.ts';
import type { EngineName, PackageFacts, PackageSummary } from '../../state/types.ts';
import type { GenerationStats } from '../../shared/types.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError, HypnosErrorCode } from '../../shared/errors.ts';
import { Select } from '../components/controls.ts';
import { Button, ErrorNotice, Pill } from '../components/index.ts';
import { useErrorText } from '../../i18n/errors.ts';
import { formatBytes, formatNumber } from '../format.ts';
import { JobLine } from './ImportPanel.tsx';
import { KeptWeights } from './KeptWeights.tsx';
import { Repair } from './Repair.tsx';
import { useAnswerGuard } from './useAnswerGuard.tsx';
import { useLikelyEngine } from './useEngineLine.ts';
import { useManager } from './useManager.ts';
import styles from './PackageCard.module.css';

export interface PackageCareProps {
  readonly summary: PackageSummary;
  readonly facts: PackageFacts;
  readonly isRunning: boolean;
}

/** Whether this device can run the package, with how much context, how fast; verifying and removing an installed one. */
export function PackageCare({ summary, facts, isRunning }: PackageCareProps) {
  const { t } = useTranslation('manager');
  const device = useModel((state) => state.device);
  const fit = fitOf(facts, device);
  const engine = useLikelyEngine(facts);
  return (
    <div className={styles.keep}>
      {engine === 'web-llm' && fit?.obstacle && <Obstacle error={fit.obstacle} />}
      {engine === 'web-llm' && fit?.shortOfMemory && (
        <p className={styles.notice}>
          {t('fit.memory', {
            needed: formatBytes(fit.shortOfMemory.neededBytes),
            offered: formatBytes(fit.shortOfMemory.offeredBytes),
          })}
        </p>
      )}
      <ContextChoice summary={summary} engine={engine} />
      <KeptWeights id={summary.id} facts={facts} engine={engine} />
      {isRunning && <SpeedTest />}
      {facts.installed && <InstalledActions id={summary.id} facts={facts} isRunning={isRunning} />}
    </div>
  );
}

/** Said before anything is loaded. */
function Obstacle({ error }: { readonly error: CodedError }) {
  const { what, next } = useErrorText(error);
  return (
    <p className={styles.notice}>
      {what}
      {next}
    </p>
  );
}

function ContextChoice({
  summary,
  engine,
}: {
  readonly summary: PackageSummary;
  readonly engine: EngineName | null;
}) {
  const { t } = useTranslation('manager');
  const own = summary.contextWindowSize;
  const [chosen, setChosen] = useState(() => contextChoice(summary.id).contextWindowSize ?? own);
  const sizes = contextSizes(own);
  if (sizes.length < 2) return null;
  return (
    <div className={styles.keepHead}>
      <span className={styles.labelled}>
        <span aria-hidden>{t('window.label')}</span>
        <Select
          label={t('window.label')}
          value={String(sizes.includes(chosen) ? chosen : own)}
          options={sizes.map((size) => ({
            value: String(size),
            label: t('window.tokens', { shown: formatNumber(size) }),
          }))}
          onValueChange={(value) => {
            const tokens = Number(value);
            setChosen(tokens);
            chooseContext(summary.id, tokens === own ? null : tokens);
          }}
        />
      </span>
      <small>{t(engine === 'web-llm' ? 'window.hintGpu' : 'window.hint')}</small>
    </div>
  );
}

function SpeedTest() {
  const { t } = useTranslation('manager');
  const { model } = useStores();
  const isIdle = useModel((state) => state.engine.phase === 'ready');
  const [stats, setStats] = useState<GenerationStats | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const measure = async () => {
    setBusy(true);
    setError(null);
    try {
      setStats(await model.getState().measureSpeed());
    } catch (thrown) {
      setError(HypnosError.from(thrown, 'generation-failed').toCoded());
    }
    setBusy(false);
  };
  const shown = (value: number) => formatNumber(Math.round(value * 10) / 10);
  return (
    <div className={styles.keepHead}>
      <Button size="s" busy={isBusy} disabled={!isIdle && !isBusy} onClick={() => void measure()}>
        {t(isBusy ? 'speed.busy' : 'speed.test')}
      </Button>
      <small role="status">
        {stats &&
          t('speed.result', {
            decode: shown(stats.decodeTokensPerSecond),
            prefill: shown(stats.prefillTokensPerSecond),
          })}
      </small>
      {error && <ErrorNotice error={error} />}
    </div>
  );
}

/** What a load or a verification says about a store whose bytes changed. */
const DAMAGE: readonly HypnosErrorCode[] = ['package-file-corrupt', 'package-file-missing'];

function InstalledActions({
  id,
  facts,
  isRunning,
}: {
  readonly id: string;
  readonly facts: PackageFacts;
  readonly isRunning: boolean;
}) {
  const { t } = useTranslation('manager');
  const count = facts.files.length;
  const isLoadFailed = useModel(
    ({ engine }) =>
      engine.phase === 'failed' && engine.packageId === id && DAMAGE.includes(engine.error.code),
  );
  const job = useManager((state) => state.job);
  const failure = useManager((state) => (state.failure?.key === id ? state.failure.error : null));
  const damaged = useManager((state) => state.checked.get(id));
  const verify = useManager((state) => state.verify);
  const remove = useManager((state) => state.remove);
  const cancel = useManager((state) => state.cancel);
  const { guard, dialog } = useAnswerGuard('remove');
  const isMine = job !== null && job.key === id;
  const isDamaged = isLoadFailed || (damaged !== undefined && damaged.length > 0);
  return (
    <>
      <div className={styles.keepHead}>
        <div className={styles.actions}>
          <Button size="s" disabled={job !== null} onClick={() => void verify(id)}>
            {t('verify')}
          </Button>
          <Button
            size="s"
            variant="danger"
            disabled={job !== null}
            onClick={() => {
              if (isRunning) guard(() => void remove(id));
              else void remove(id);
            }}
          >
            {t('remove')}
          </Button>
        </div>
        <small role="status">
          {damaged &&
            (damaged.length === 0
              ? t('fine', { count })
              : t('damaged', { count: damaged.length, files: damaged.join(', ') }))}
        </small>
      </div>
      {dialog}
      {isDamaged && <Repair id={id} facts={facts} />}
      {isMine && <JobLine onCancel={cancel} />}
      {failure && <ErrorNotice error={failure} />}
    </>
  );
}

/** Who vouches for an imported copy, in a word each. */
export function OriginPills({ facts: { installed } }: { readonly facts: PackageFacts }) {
  const { t } = useTranslation('manager');
  if (!installed) return null;
  const { signature, verified } = installed;
  return (
    <>
      {!verified && <Pill tone="warn">{t('unverified')}</Pill>}
      {signature.state === 'trusted' && (
        <Pill tone="ok">{t('signature.trusted', { name: signature.name })}</Pill>
      )}
    </>
  );
}

/** After the GPU ran out of memory: half the context, half the KV cache. */
export function SmallerContext({
  summary,
  onChosen,
}: {
  readonly summary: PackageSummary;
  readonly onChosen: () => void;
}) {
  const { t } = useTranslation('manager');
  const own = summary.contextWindowSize;
  const present = contextChoice(summary.id).contextWindowSize ?? own;
  const smaller = contextSizes(own).find((size) => size < present);
  if (smaller === undefined) return null;
  return (
    <Button
      size="s"
      variant="primary"
      onClick={() => {
        chooseContext(summary.id, smaller);
        onChosen();
      }}
    >
      {t('window.smaller', { shown: formatNumber(smaller) })}
    </Button>
  );
}
