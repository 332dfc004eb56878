import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useModel } from '../../state/hooks.ts';
import { Pill, Tooltip } from '../components/index.ts';
import { useShell } from '../shell.ts';
import { offlineState } from './offlineState.ts';
import styles from './OfflinePill.module.css';

/** Whether Hypnos would work, or does work, without a network; leads to where that can be changed. */
export function OfflinePill({ onNavigate }: { readonly onNavigate: () => void }) {
  const { t } = useTranslation('shell');
  const online = useShell((state) => state.online);
  const servedLocally = useShell((state) => state.servedLocally);
  const shellKept = useShell((state) => state.shellKept);
  const keptPackages = useShell((state) => state.keptPackages);
  const defaultId = useModel((state) => state.defaultId);
  const isLoaded = useModel((state) => state.engine.phase === 'ready' || state.engine.phase === 'generating');
  const state = offlineState({
    online,
    servedLocally,
    shellKept: shellKept === true,
    modelKept: defaultId !== null && keptPackages?.has(defaultId) === true,
    modelLoaded: isLoaded,
  });
  const tone = state === 'ready' || state === 'working' ? 'ok' : state === 'stranded' ? 'warn' : 'neutral';
  return (
    <Tooltip label={t(`offline.${state}.hint`)}>
      <Link href="/models" className={styles.link} onClick={onNavigate}>
        <Pill tone={tone}>
          <span className={styles.dot} data-online={online || undefined} />
          {t(`offline.${state}.label`)}
        </Pill>
        <span className="visually-hidden">{t(`offline.${state}.hint`)}</span>
      </Link>
    </Tooltip>
  );
}
