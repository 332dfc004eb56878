import type { ReactNode } from 'react';
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { IconButton } from './Button.tsx';
import { cx } from './cx.ts';
import styles from './Banner.module.css';

export interface BannerProps {
  readonly tone?: 'info' | 'warn' | 'danger';
  readonly icon?: ReactNode;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
  readonly onDismiss?: (() => void) | undefined;
  /** 'alert' is read out at once. */
  readonly role?: 'status' | 'alert' | 'note';
}

/** A line across the top of a screen: a state that lasts, and what can be done about it. */
export function Banner({ tone = 'info', icon, children, actions, onDismiss, role = 'status' }: BannerProps) {
  const { t } = useTranslation();
  return (
    <div role={role} className={cx(styles.banner, styles[tone])}>
      {icon}
      <div className={styles.words}>{children}</div>
      {(actions !== undefined || onDismiss) && (
        <div className={styles.actions}>
          {actions}
          {onDismiss && (
            <IconButton label={t('dismiss')} size="s" tooltip={false} onClick={onDismiss}>
              <X size={14} aria-hidden />
            </IconButton>
          )}
        </div>
      )}
    </div>
  );
}
