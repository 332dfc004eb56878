import { Info, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { cx } from '../components/index.ts';
import { titleIn } from '../models/useModelLine.ts';
import { useCurrentPackage } from './useModelStatus.ts';
import styles from './ModelNotice.module.css';

/** What the package says of its own fitness for clinical use; it cannot be closed. */
export function ModelNotice() {
  const { t, i18n } = useTranslation('chat');
  const model = useCurrentPackage();
  const text = model ? titleIn(model.notice, i18n.language) : '';
  if (!model || text === '') return null;
  const Icon = model.reviewed ? Info : TriangleAlert;
  return (
    <aside className={cx(styles.notice, model.reviewed && styles.reviewed)} aria-label={t('notice.label')}>
      <Icon size={15} aria-hidden />
      <p>{text}</p>
    </aside>
  );
}
