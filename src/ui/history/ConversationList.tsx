import { useEffect, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useTranslation } from 'react-i18next';
import { useHistory } from '../../state/hooks.ts';
import type { ConversationId } from '../../shared/types.ts';
import { ConversationRow } from './ConversationRow.tsx';
import { groupByDay } from './groups.ts';
import { useToday } from './useToday.ts';
import styles from './ConversationList.module.css';

const HEADING_HEIGHT = 36;
const ROW_HEIGHT = 38;

export interface ConversationListProps {
  /** The conversation on screen. */
  readonly currentId: ConversationId | null;
  readonly onNavigate: () => void;
}

/** Every conversation, grouped by day. Only the rows in sight are in the page, however many there are. */
export function ConversationList({ currentId, onNavigate }: ConversationListProps) {
  const { t, i18n } = useTranslation('history');
  const conversations = useHistory((state) => state.conversations);
  const isLoaded = useHistory((state) => state.loaded);
  const today = useToday();
  const rows = useMemo(
    () =>
      groupByDay(conversations, today, i18n.language, {
        pinned: t('pinned'),
        today: t('today'),
        yesterday: t('yesterday'),
      }),
    [conversations, today, i18n.language, t],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.type === 'heading' ? HEADING_HEIGHT : ROW_HEIGHT),
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 8,
  });

  // One stop for Tab; the arrow keys move it.
  const [focusKey, setFocusKey] = useState<string | null>(null);
  const isStop = (key: string) => rows.some((row) => row.key === key);
  const firstKey = rows.find((row) => row.type === 'conversation')?.key ?? null;
  const stop = [focusKey, currentId].find((key) => key !== null && isStop(key)) ?? firstKey;

  const pendingFocus = useRef<string | null>(null);
  useEffect(() => {
    const key = pendingFocus.current;
    if (key === null) return;
    const link = scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`);
    if (!link) return;
    pendingFocus.current = null;
    link.focus();
  });

  function moveFocus(event: KeyboardEvent<HTMLElement>) {
    const target = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
    if (!target) return;
    const stops = rows.flatMap((row, index) =>
      row.type === 'conversation' ? [{ key: row.key, index }] : [],
    );
    const at = stops.findIndex(({ key }) => key === target.dataset.row);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const goal = stops[Math.min(stops.length - 1, Math.max(0, next))];
    if (!goal) return;
    virtualizer.scrollToIndex(goal.index);
    pendingFocus.current = goal.key;
    setFocusKey(goal.key);
  }

  if (isLoaded && rows.length === 0) return <p className={styles.empty}>{t('empty')}</p>;

  return (
    <div ref={scroller} className={styles.scroller} onKeyDown={moveFocus}>
      <div
        role="list"
        aria-label={t('list')}
        className={styles.list}
        style={{ height: virtualizer.getTotalSize() }}
      >
        {virtualizer.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div
              key={item.key}
              role="listitem"
              className={styles.slot}
              style={{ height: item.size, transform: `translateY(${item.start}px)` }}
            >
              {row.type === 'heading' ? (
                <h2 className={styles.heading}>{row.label}</h2>
              ) : (
                <ConversationRow
                  conversation={row.conversation}
                  isCurrent={row.key === currentId}
                  isTabStop={row.key === stop}
                  onNavigate={onNavigate}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
