import { useTranslation } from 'react-i18next';
import { useSettings } from '../../state/hooks.ts';
import { Dialog, Kbd } from '../components/index.ts';
import { useShell } from '../shell.ts';
import { composerKeys } from './commands.ts';
import type { CommandEntry, CommandGroup } from './commands.ts';
import styles from './ShortcutSheet.module.css';

/** Every command with its keys, by group. */
export function ShortcutSheet({ commands }: { readonly commands: readonly CommandEntry[] }) {
  const { t } = useTranslation('shortcuts');
  const isOpen = useShell((state) => state.shortcutsOpen);
  const setOpen = useShell((state) => state.setShortcutsOpen);
  const ofComposer = composerKeys(useSettings((state) => state.sendKey));
  const groups = new Map<CommandGroup, CommandEntry[]>();
  for (const command of commands) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);

  return (
    <Dialog open={isOpen} onOpenChange={setOpen} title={t('title')} size="l">
      <div className={styles.groups}>
        {[...groups].map(([group, entries]) => (
          <section key={group} className={styles.group}>
            <h3>{t(`groups.${group}`)}</h3>
            <dl>
              {entries.map(({ id, keys }) => (
                <div key={id} className={styles.line}>
                  <dt>{t(`commands.${id}`)}</dt>
                  <dd>
                    {(id === 'send' || id === 'newLine' ? ofComposer[id] : keys).map((combination) => (
                      <Kbd key={combination} keys={combination} className={styles.keys} />
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
