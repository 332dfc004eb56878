import type { ReactNode } from 'react';
import { Menu as MenuIcon, Siren } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useShellLayout } from './layout.ts';
import { IconButton } from './Button.tsx';
import styles from './ScreenHeader.module.css';

export interface ScreenHeaderProps {
  readonly title: ReactNode;
  /** At the right end: chips, buttons. */
  readonly children?: ReactNode;
}

/** The top line of every screen. Where the sidebar is hidden it holds the button that opens it. */
export function ScreenHeader({ title, children }: ScreenHeaderProps) {
  const { t } = useTranslation();
  const { t: shell } = useTranslation('shell');
  const { sidebarHidden, openSidebar } = useShellLayout();
  return (
    <header className={styles.header}>
      {sidebarHidden && (
        <IconButton label={t('openSidebar')} keys="mod+alt+b" onClick={openSidebar}>
          <MenuIcon size={18} aria-hidden />
        </IconButton>
      )}
      <h1 className={styles.title}>{title}</h1>
      {children && <div className={styles.end}>{children}</div>}
      {sidebarHidden && (
        <Link href="/crisis" className={styles.crisis} aria-label={shell('crisis')}>
          <Siren size={18} aria-hidden />
        </Link>
      )}
    </header>
  );
}
