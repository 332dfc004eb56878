import type { ComponentProps, ReactNode } from 'react';
import { LoaderCircle } from 'lucide-react';
import { Tooltip } from './Tooltip.tsx';
import { cx } from './cx.ts';
import styles from './Button.module.css';

type NativeButton = Omit<ComponentProps<'button'>, 'type'>;

export interface ButtonProps extends NativeButton {
  readonly variant?: 'primary' | 'secondary' | 'ghost' | 'danger';
  readonly size?: 's' | 'm';
  readonly icon?: ReactNode;
  /** Work is under way: shows a spinner and refuses clicks, but keeps the focus. */
  readonly busy?: boolean;
  readonly type?: 'button' | 'submit';
}

export function Button({
  variant = 'secondary',
  size = 'm',
  icon,
  busy = false,
  type = 'button',
  className,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? undefined : onClick}
      className={cx(styles.button, styles[variant], styles[size], className)}
    >
      {busy ? <LoaderCircle className={styles.spinner} size={16} aria-hidden /> : icon}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<NativeButton, 'aria-label' | 'children'> {
  /** The button's name, read aloud and shown as a tooltip. */
  readonly label: string;
  readonly children: ReactNode;
  /** A combination as `mod+alt+n`, shown in the tooltip. */
  readonly keys?: string | undefined;
  readonly size?: 's' | 'm';
  readonly tooltip?: boolean;
}

/** A square button that shows only an icon. */
export function IconButton({
  label,
  keys,
  size = 'm',
  tooltip = true,
  className,
  children,
  ...rest
}: IconButtonProps) {
  const button = (
    <button
      type="button"
      {...rest}
      aria-label={label}
      className={cx(styles.button, styles.ghost, styles.icon, styles[size], className)}
    >
      {children}
    </button>
  );
  if (!tooltip) return button;
  return (
    <Tooltip label={label} keys={keys}>
      {button}
    </Tooltip>
  );
}
