import { useTranslation } from 'react-i18next';
import { useChat } from '../../state/hooks.ts';
import { Tooltip, cx } from '../components/index.ts';
import { formatNumber } from '../format.ts';
import { useContextSize } from './useModelStatus.ts';
import styles from './ContextMeter.module.css';

const NEARLY_FULL = 0.85;

/** How much of the model's context window the conversation fills, as of the last answer. */
export function ContextMeter() {
  const { t } = useTranslation('chat');
  const used = useChat((state) => state.contextTokens);
  const size = useContextSize();
  if (used === null || size === null) return null;
  const share = Math.min(1, used / size);
  const percent = Math.round(share * 100);
  const isFull = share >= NEARLY_FULL;
  const meter = (
    <span
      className={cx(styles.box, isFull && styles.full)}
      role="meter"
      aria-label={t('composer.meterLabel', { percent })}
      aria-valuemin={0}
      aria-valuemax={size}
      aria-valuenow={Math.min(used, size)}
      tabIndex={0}
    >
      <span className={styles.track}>
        <span className={styles.fill} style={{ width: `${percent}%` }} />
      </span>
      <span className={styles.figures}>
        {t('composer.meter', { used: formatNumber(Math.min(used, size)), size: formatNumber(size) })}
      </span>
    </span>
  );
  return (
    <Tooltip label={isFull ? t('composer.meterFull') : t('composer.meterLabel', { percent })} side="top">
      {meter}
    </Tooltip>
  );
}
