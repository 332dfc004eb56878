import { Dialog } from '@base-ui/react/dialog';
import { useTranslation } from 'react-i18next';
import { Sidebar } from '../ui/history/Sidebar.tsx';
import { useShell } from '../ui/shell.ts';
import styles from './SidebarDrawer.module.css';

/** The sidebar of a narrow window: over the page, closed by its backdrop, Escape or a choice. */
export function SidebarDrawer() {
  const { t } = useTranslation('shell');
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
        <Dialog.Popup className={styles.drawer} aria-label={t('sidebar')} initialFocus={false}>
          <Sidebar />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
