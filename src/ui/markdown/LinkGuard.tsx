import { useCallback, useState, type ReactNode } from 'react';
import { ExternalLink } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button, Dialog } from '../components/index.ts';
import { CopyButton } from './CopyButton.tsx';
import { LinkGuardContext } from './linkContext.ts';
import type { OpenableUrl } from './url.ts';
import styles from './markdown.module.css';

/** Shows the whole address and asks before a link of model text is opened. */
export function LinkGuard({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation(['chat', 'common']);
  const [asked, setAsked] = useState<OpenableUrl | null>(null);
  const [open, setOpen] = useState(false);

  const ask = useCallback((url: OpenableUrl): void => {
    setAsked(url);
    setOpen(true);
  }, []);
  return (
    <LinkGuardContext value={ask}>
      {children}
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={t('chat:link.title')}
        description={t('chat:link.description')}
        footer={
          <>
            <Button
              onClick={() => {
                setOpen(false);
              }}
            >
              {t('common:cancel')}
            </Button>
            <CopyButton label={t('chat:link.copy')} getText={() => asked?.href ?? ''} />
            <a
              className={styles.openLink}
              href={asked?.href}
              target="_blank"
              rel="noopener noreferrer"
              referrerPolicy="no-referrer"
              onClick={() => {
                setOpen(false);
              }}
            >
              <ExternalLink size={16} aria-hidden />
              {t('chat:link.open')}
            </a>
          </>
        }
      >
        <p className={styles.address} dir="ltr">
          {asked?.href}
        </p>
      </Dialog>
    </LinkGuardContext>
  );
}
