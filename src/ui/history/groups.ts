/** The sidebar's rows: pinned first, then a heading for each day. */
import type { Conversation } from '../../shared/types.ts';

export type Row =
  | { readonly type: 'heading'; readonly key: string; readonly label: string }
  | { readonly type: 'conversation'; readonly key: string; readonly conversation: Conversation };

export interface GroupLabels {
  readonly pinned: string;
  readonly today: string;
  readonly yesterday: string;
}

/** Midnight of the local day `offset` days from the one `time` is in; days of 23 and 25 hours included. */
export function startOfDay(time: number, offset = 0): number {
  const day = new Date(time);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + offset).getTime();
}

/**
 * @param conversations newest first, pinned before others
 * @param now decides what is today
 */
export function groupByDay(
  conversations: readonly Conversation[],
  now: number,
  locale: string,
  labels: GroupLabels,
): readonly Row[] {
  const today = startOfDay(now);
  const yesterday = startOfDay(now, -1);
  const thisYear = new Intl.DateTimeFormat(locale, { month: 'long', day: 'numeric' });
  const otherYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', day: 'numeric' });
  const labelOf = (day: number) => {
    if (day >= today) return labels.today; // a clock set back must not make a group of the future
    if (day === yesterday) return labels.yesterday;
    const format = new Date(day).getFullYear() === new Date(now).getFullYear() ? thisYear : otherYear;
    return format.format(day);
  };

  const rows: Row[] = [];
  let current = '';
  for (const conversation of conversations) {
    const day = Math.min(startOfDay(conversation.updatedAt), today);
    const key = conversation.pinned ? 'pinned' : String(day);
    if (key !== current) {
      current = key;
      rows.push({
        type: 'heading',
        key: `heading-${key}`,
        label: conversation.pinned ? labels.pinned : labelOf(day),
      });
    }
    rows.push({ type: 'conversation', key: conversation.id, conversation });
  }
  return rows;
}
