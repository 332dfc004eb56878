import { ShieldCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import styles from './settings.module.css';

/** What is promised, and by what it is held: a promise that cannot be checked is worth little. */
export function PrivacySection() {
  const { t } = useTranslation('settings');
  const points = Object.values(t('privacy.points', { returnObjects: true }));
  return (
    <div className={styles.privacy}>
      <p className={styles.promise}>
        <ShieldCheck size={20} aria-hidden />
        {t('privacy.promise')}
      </p>
      <ul>
        {points.map((point) => (
          <li key={point}>{point}</li>
        ))}
      </ul>
    </div>
  );
}
