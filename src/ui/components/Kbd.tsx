import { formatKeys } from '../shortcuts/keys.ts';
import { cx } from './cx.ts';
import styles from './Kbd.module.css';

/** A key combination as this device writes it: `mod+alt+n` is `Ctrl Alt N`, on a Mac `⌘⌥N`. */
export function Kbd({ keys, className }: { readonly keys: string; readonly className?: string | undefined }) {
  return <kbd className={cx(styles.kbd, className)}>{formatKeys(keys)}</kbd>;
}
