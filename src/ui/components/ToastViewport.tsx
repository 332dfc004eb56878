import { Toast as Base } from '@base-ui/react/toast';
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { IconButton } from './Button.tsx';
import type { ToastMessage } from './toast.ts';
import { cx } from './cx.ts';
import styles from './ToastViewport.module.css';

const manager = Base.createToastManager();

/** What `toast` does once this module is there. */
export function addToast(message: ToastMessage): () => void {
  const id = manager.add({
    title: message.title,
    description: message.description,
    type: message.tone ?? 'neutral',
    timeout: message.milliseconds ?? 6000,
    priority: message.tone === 'danger' ? 'high' : 'low',
    ...(message.action && {
      actionProps: {
        children: message.action.label,
        onClick: () => {
          message.action?.onClick();
          manager.close(id);
        },
      },
    }),
  });
  return () => {
    manager.close(id);
  };
}

/** Once in the app: where toasts appear. F6 moves the focus there. */
export default function ToastViewport() {
  return (
    <Base.Provider toastManager={manager} limit={3}>
      <Base.Portal>
        <Base.Viewport className={styles.viewport}>
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}

function ToastList() {
  const { toasts } = Base.useToastManager();
  const { t } = useTranslation();
  return toasts.map((item) => (
    <Base.Root
      key={item.id}
      toast={item}
      swipeDirection={['down', 'right']}
      className={cx(styles.toast, item.type === 'danger' && styles.danger)}
    >
      <Base.Content className={styles.content}>
        <div className={styles.words}>
          <Base.Title className={styles.title} />
          <Base.Description className={styles.description} />
        </div>
        <Base.Action className={styles.action} />
        <Base.Close
          render={
            <IconButton label={t('close')} size="s" tooltip={false}>
              <X size={14} aria-hidden />
            </IconButton>
          }
        />
      </Base.Content>
    </Base.Root>
  ));
}
