import { useTranslation } from 'react-i18next';
import type { PackageFacts, PackageSummary } from '../../state/types.ts';
import { formatBytes, formatNumber } from '../format.ts';
import styles from './PackageCard.module.css';

/** Provenance, evaluation, signature and hashes: what a hospital asks before it trusts a model. */
export function PackageDetails({
  summary,
  facts,
}: {
  readonly summary: PackageSummary;
  readonly facts: PackageFacts;
}) {
  const { t, i18n } = useTranslation(['models', 'manager']);
  const { evaluation, installed } = facts;
  return (
    <dl>
      <dt>{t('licence')}</dt>
      <dd>{summary.licence}</dd>
      <dt>{t('manager:facts.base')}</dt>
      <dd>{facts.base}</dd>
      {facts.stages.length > 0 && (
        <>
          <dt>{t('manager:facts.stages')}</dt>
          <dd>
            <List items={facts.stages} />
          </dd>
        </>
      )}
      <dt>{t('data')}</dt>
      <dd>{summary.data.length > 0 ? <List items={summary.data} /> : t('dataUnstated')}</dd>
      <dt>
        {evaluation
          ? t('manager:facts.scores', { benchmark: evaluation.benchmark, version: evaluation.version })
          : t('manager:facts.scoresTitle')}
      </dt>
      <dd>
        {evaluation ? (
          <List
            items={evaluation.scores.map(
              ({ name, value, low, high }) =>
                `${name} ${formatNumber(value)}${low === undefined || high === undefined ? '' : ` (${formatNumber(low)}–${formatNumber(high)})`}`,
            )}
          />
        ) : (
          t('manager:facts.noScores')
        )}
      </dd>
      {facts.reviewer !== null && (
        <>
          <dt>{t('manager:facts.reviewer')}</dt>
          <dd>{facts.reviewer}</dd>
        </>
      )}
      {installed && (
        <>
          <dt>{t('manager:facts.signature')}</dt>
          <dd>
            {t(
              `manager:signature.${installed.signature.state}`,
              installed.signature.state === 'trusted' ? { name: installed.signature.name } : {},
            )}
          </dd>
          <dt>{t('manager:facts.source')}</dt>
          <dd>{installed.source.name}</dd>
          <dt>{t('manager:facts.installedAt')}</dt>
          <dd>{new Date(installed.installedAt).toLocaleString(i18n.language)}</dd>
        </>
      )}
      <dt>{t('architecture')}</dt>
      <dd>{summary.architecture}</dd>
      <dt>{t('manager:facts.needs')}</dt>
      <dd>
        {t('manager:facts.vram', {
          shown: formatBytes(Math.max(...facts.libraries.map(({ requires }) => requires.vram_mb)) * 2 ** 20),
        })}
      </dd>
      <dt>{t('version')}</dt>
      <dd>
        {summary.id} {summary.version}
      </dd>
      <dt>{t('manager:facts.files', { count: facts.files.length })}</dt>
      <dd>
        {installed && !installed.verified && <p>{t('manager:facts.computed')}</p>}
        <details>
          <summary>{t('manager:facts.showFiles')}</summary>
          <ul className={styles.hashes}>
            {facts.files.map(({ path, bytes, sha256 }) => (
              <li key={path}>
                {path} · {formatBytes(bytes)}
                <code>{sha256}</code>
              </li>
            ))}
          </ul>
        </details>
      </dd>
    </dl>
  );
}

function List({ items }: { readonly items: readonly string[] }) {
  return (
    <ul>
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}
