import type { ReactElement, ReactNode } from 'react';
import { Menu as Base } from '@base-ui/react/menu';
import { Kbd } from './Kbd.tsx';
import { cx } from './cx.ts';
import styles from './Menu.module.css';

export interface MenuEntry {
  readonly id: string;
  readonly label: string;
  readonly icon?: ReactNode;
  /** A combination as `mod+alt+n`. */
  readonly keys?: string | undefined;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  readonly onSelect: () => void;
}

export interface MenuProps {
  /** The button that opens it, with an accessible name. */
  readonly trigger: ReactElement;
  readonly entries: readonly (MenuEntry | 'separator')[];
  readonly align?: 'start' | 'center' | 'end';
}

export function Menu({ trigger, entries, align = 'end' }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={4} className={styles.positioner}>
          <Base.Popup className={styles.popup}>
            {entries.map((entry, index) =>
              entry === 'separator' ? (
                <Base.Separator key={`separator-${index}`} className={styles.separator} />
              ) : (
                <Base.Item
                  key={entry.id}
                  disabled={entry.disabled ?? false}
                  onClick={entry.onSelect}
                  className={cx(styles.item, entry.danger && styles.danger)}
                >
                  <span className={styles.icon} aria-hidden>
                    {entry.icon}
                  </span>
                  {entry.label}
                  {entry.keys && <Kbd keys={entry.keys} className={styles.keys} />}
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
