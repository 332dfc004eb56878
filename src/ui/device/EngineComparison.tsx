import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import '../../i18n/manager.ts';
import { useErrorText } from '../../i18n/errors.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { useModel, useStores } from '../../state/hooks.ts';
import type { ComparisonStep, EngineComparison as Comparison, EngineName } from '../../state/types.ts';
import { Button, ErrorNotice } from '../components/index.ts';
import { formatNumber, formatSeconds } from '../format.ts';
import { useEngineChoice } from '../models/useEngineChoice.ts';
import styles from './EngineComparison.module.css';

const ENGINES: readonly EngineName[] = ['web-llm', 'wllama'];

/** Measures both engines with the same question, recommends one and lets the person choose. Leaving ends it. */
export function EngineComparison() {
  const { t } = useTranslation('manager');
  const { t: common } = useTranslation();
  const { model } = useStores();
  const engine = useModel((state) => state.engine);
  const lease = useModel((state) => state.lease);
  const hasModel = useModel((state) => state.defaultId !== null || state.engine.phase !== 'idle');
  const isSoftware = useModel((state) => state.device?.adapter?.isFallback === true);
  const [step, setStep] = useState<ComparisonStep | null>(null);
  const [comparison, setComparison] = useState<Comparison | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(
    () => () => {
      running.current?.abort();
    },
    [],
  );

  const compare = async () => {
    const stop = new AbortController();
    running.current = stop;
    setComparison(null);
    setError(null);
    setStep({ engine: 'web-llm', isAnswering: false });
    try {
      setComparison(await model.getState().compareEngines(setStep, stop.signal));
    } catch (thrown) {
      setError(HypnosError.from(thrown, 'generation-failed').toCoded());
    }
    setStep(null);
    running.current = null;
  };

  const isElsewhere = lease === 'waiting';
  const isFree = engine.phase === 'ready' || engine.phase === 'idle' || engine.phase === 'failed';
  const status = () => {
    if (step?.engine) return t(`compare.${step.isAnswering ? 'answering' : 'loading'}.${step.engine}`);
    if (step) return t('compare.restoring');
    if (isElsewhere) return t('compare.elsewhere');
    return error?.code === 'cancelled' ? t('compare.cancelled') : '';
  };
  return (
    <div className={styles.comparison}>
      <p className={styles.hint}>
        {t('compare.hint')}
        {isSoftware && t('compare.software')}
      </p>
      <div className={styles.actions}>
        <Button
          size="s"
          busy={step !== null}
          disabled={step === null && (!isFree || !hasModel || isElsewhere)}
          onClick={() => void compare()}
        >
          {t('compare.start')}
        </Button>
        {step?.engine && (
          <Button
            size="s"
            variant="ghost"
            onClick={() => {
              running.current?.abort();
            }}
          >
            {common('cancel')}
          </Button>
        )}
        <small role="status">{status()}</small>
      </div>
      {error && error.code !== 'cancelled' && <ErrorNotice error={error} />}
      {comparison && <Result comparison={comparison} isFree={isFree} />}
    </div>
  );
}

function Result({ comparison, isFree }: { readonly comparison: Comparison; readonly isFree: boolean }) {
  const { t } = useTranslation('manager');
  const { t: models } = useTranslation('models');
  const engine = useModel((state) => state.engine);
  const { preference, choose, dialog } = useEngineChoice();
  const { trials, recommended } = comparison;
  const figuresOf = (name: EngineName) => {
    const trial = trials[name];
    return 'figures' in trial ? trial.figures : null;
  };
  const speed = (value: number) => t('compare.speed', { shown: formatNumber(Math.round(value * 10) / 10) });
  const rows = [
    { key: 'load', shown: (name: EngineName) => seconds(figuresOf(name)?.loadSeconds) },
    { key: 'prefill', shown: (name: EngineName) => rate(figuresOf(name)?.prefillTokensPerSecond) },
    { key: 'decode', shown: (name: EngineName) => rate(figuresOf(name)?.decodeTokensPerSecond) },
    { key: 'answer', shown: (name: EngineName) => seconds(figuresOf(name)?.answerSeconds) },
  ] as const;
  function seconds(value: number | undefined): string {
    return value === undefined || !Number.isFinite(value) ? '—' : formatSeconds(value);
  }
  function rate(value: number | undefined): string {
    return value === undefined ? '—' : speed(value);
  }
  const working = ENGINES.filter(figuresOf);
  const advice =
    working.length === 2 && recommended
      ? t(`compare.faster.${recommended}`)
      : t(recommended ? `compare.only.${recommended}` : 'compare.neither');
  return (
    <>
      <table className={styles.figures} aria-label={t('compare.table')}>
        <thead>
          <tr>
            <td />
            {ENGINES.map((name) => (
              <th key={name} scope="col">
                {models(`engine.choices.${name}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, shown }) => (
            <tr key={key}>
              <th scope="row">{t(`compare.rows.${key}`)}</th>
              {ENGINES.map((name) => (
                <td key={name}>{shown(name)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {ENGINES.map((name) => {
        const trial = trials[name];
        return 'error' in trial ? <Failure key={name} name={name} error={trial.error} /> : null;
      })}
      <p className={styles.advice} role="status">
        {advice}
      </p>
      <div className={styles.actions}>
        {working.map((name) => (
          <Button
            key={name}
            size="s"
            variant={name === recommended ? 'primary' : 'secondary'}
            disabled={!isFree || preference === name}
            onClick={() => {
              choose(name, 'model' in engine && engine.model.engine === name);
            }}
          >
            {t(`compare.${preference === name ? 'chosen' : 'choose'}.${name}`)}
          </Button>
        ))}
      </div>
      {dialog}
    </>
  );
}

function Failure({ name, error }: { readonly name: EngineName; readonly error: CodedError }) {
  const { t } = useTranslation('models');
  const text = useErrorText(error);
  return (
    <p className={styles.hint}>
      {t(`engine.choices.${name}`)}: {text.what} {text.detail}
    </p>
  );
}
