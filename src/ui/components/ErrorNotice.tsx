import type { ReactNode } from 'react';
import { CircleAlert } from 'lucide-react';
import { useErrorText } from '../../i18n/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { cx } from './cx.ts';
import styles from './ErrorNotice.module.css';

export interface ErrorNoticeProps {
  readonly error: CodedError;
  readonly actions?: ReactNode;
  readonly className?: string;
}

/** A failure in three sentences: what happened, what was kept, what to do. */
export function ErrorNotice({ error, actions, className }: ErrorNoticeProps) {
  const text = useErrorText(error);
  return (
    <div role="alert" className={cx(styles.notice, className)}>
      <CircleAlert size={18} aria-hidden />
      <div className={styles.words}>
        <b>{text.what}</b>
        <p>
          {text.kept}
          {text.next}
        </p>
        {text.detail && <code className={styles.detail}>{text.detail}</code>}
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
    </div>
  );
}
