import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import type { PackageFacts } from '../../state/types.ts';
import type { PackageId } from '../../shared/types.ts';
import { Button } from '../components/index.ts';
import { ArchiveButton, FolderButton } from './SourceButtons.tsx';
import { useManager } from './useManager.ts';
import styles from './PackageCard.module.css';

/**
 * Ways to fetch the damaged files of an installed package again: the server where it has them, and whatever the package was
 * brought from. Shown once a verification or a load found damage.
 */
export function Repair({ id, facts }: { readonly id: PackageId; readonly facts: PackageFacts }) {
  const { t } = useTranslation('manager');
  const isBusy = useManager((state) => state.job !== null);
  const repair = useManager((state) => state.repair);
  const hasServedTwin = useModel((state) =>
    state.packages.some(
      (served) =>
        !served.facts?.installed && served.facts !== undefined && isSameContent(served.facts, facts),
    ),
  );
  const { installed } = facts;
  if (!installed) return null;
  const isFromServer = installed.source.kind === 'url';
  return (
    <div className={styles.actions}>
      {(isFromServer || hasServedTwin) && (
        <Button size="s" variant="primary" disabled={isBusy} onClick={() => void repair(id, 'server')}>
          {t('repair.server')}
        </Button>
      )}
      {(installed.source.kind === 'folder' || installed.source.kind === 'files') && (
        <FolderButton
          size="s"
          disabled={isBusy}
          testId="repair-folder"
          onPicked={(source) => void repair(id, source)}
        >
          {t('repair.folder')}
        </FolderButton>
      )}
      {installed.source.kind === 'archive' && (
        <ArchiveButton
          size="s"
          disabled={isBusy}
          testId="repair-archive"
          onPicked={(source) => void repair(id, source)}
        >
          {t('repair.archive')}
        </ArchiveButton>
      )}
    </div>
  );
}

const isSameContent = (one: PackageFacts, other: PackageFacts): boolean =>
  one.files.length === other.files.length &&
  one.files.every(({ path, sha256 }) =>
    other.files.some((file) => file.path === path && file.sha256 === sha256),
  );
