type Range = readonly [start: number, end: number];

const LENGTH = 150;
const BEFORE = 24;

export interface Excerpt {
  readonly text: string;
  readonly marks: readonly Range[];
}

/** A passage cut to what a list shows, around the densest of its marks. */
export function excerptAround(text: string, marks: readonly Range[]): Excerpt {
  if (text.length <= LENGTH) return { text, marks };
  let best = 0;
  let most = -1;
  for (const [start] of marks) {
    const inside = marks.filter(([from, to]) => from >= start && to <= start + LENGTH - BEFORE);
    const covered = inside.reduce((sum, [from, to]) => sum + to - from, 0);
    if (covered > most) [best, most] = [start, covered];
  }
  const from = Math.max(0, Math.min(best - BEFORE, text.length - LENGTH));
  const to = Math.min(text.length, from + LENGTH);
  const lead = from > 0 ? '…' : '';
  return {
    text: `${lead}${text.slice(from, to)}${to < text.length ? '…' : ''}`,
    marks: marks
      .filter(([start, end]) => start >= from && end <= to)
      .map(([start, end]): Range => [start - from + lead.length, end - from + lead.length]),
  };
}
