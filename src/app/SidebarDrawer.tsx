import { useRef } from 'react';
import { Dialog } from '@base-ui/react/dialog';
import { useTranslation } from 'react-i18next';
import { Sidebar } from '../ui/history/Sidebar.tsx';
import { useShell } from '../ui/shell.ts';
import styles from './SidebarDrawer.module.css';

/** The sidebar of a narrow window: over the page, closed by its backdrop, Escape or a choice. */
export function SidebarDrawer() {
  const { t } = useTranslation('shell');
  const popup = useRef<HTMLDivElement>(null);
  const isOpen = useShell((state) => state.drawerOpen);
  const setOpen = useShell((state) => state.setDrawerOpen);
  return (
    <Dialog.Root
      open={isOpen}
      onOpenChange={(next) => {
        setOpen(next);
      }}
    >
      <Dialog.Portal>
        <Dialog.Backdrop className={styles.backdrop} />
        {/* The drawer itself, not its first control: on a phone nothing in it is meant yet. */}
        <Dialog.Popup ref={popup} className={styles.drawer} aria-label={t('sidebar')} initialFocus={popup}>
          <Sidebar />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
