import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat } from '../../state/hooks.ts';
import type { ThreadItem } from '../../state/types.ts';
import { IconButton } from '../components/index.ts';
import styles from './BranchSwitcher.module.css';

/** ‹ 2 / 3 ›: which of the questions or answers at this place is shown. Nothing where there is only one. */
export function BranchSwitcher({ item }: { readonly item: ThreadItem }) {
  const { t } = useTranslation('chat');
  const selectBranch = useChat((state) => state.selectBranch);
  const isBusy = useChat((state) => state.streaming !== null);
  const { siblings } = item;
  if (siblings.length < 2) return null;
  const index = siblings.indexOf(item.message.id);
  const go = (step: number): void => {
    const id = siblings[index + step];
    if (id !== undefined) void selectBranch(id);
  };
  const figures = { index: index + 1, count: siblings.length };
  return (
    <div className={styles.switcher} role="group" aria-label={t('actions.branch', figures)}>
      <IconButton
        size="s"
        label={t('actions.previous')}
        disabled={isBusy || index <= 0}
        onClick={() => {
          go(-1);
        }}
      >
        <ChevronLeft size={15} aria-hidden />
      </IconButton>
      <span className={styles.figures} aria-hidden>
        {figures.index} / {figures.count}
      </span>
      <IconButton
        size="s"
        label={t('actions.next')}
        disabled={isBusy || index >= siblings.length - 1}
        onClick={() => {
          go(1);
        }}
      >
        <ChevronRight size={15} aria-hidden />
      </IconButton>
    </div>
  );
}
