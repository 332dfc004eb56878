/**
 * A number, or a range of numbers, with the unit behind it: "2～3 倍", "0.25 mL/(kg·min)", "≥10 L/min", "100～120 次/分".
 * A dose that breaks over two lines can be read wrongly.
 */
const FIGURE =
  /[≥≤<>约]?\d[\d.,]*(?:\s?[～~–-]\s?\d[\d.,]*)?(?:\s?(?:[%‰]|°C|[A-Za-zµμ]+(?:[/·][A-Za-z0-9()·µμ]+)*|次\/分|倍|次|分钟|小时|秒|分|天|岁|周|个?月|瓶))?/gu;

export interface TextPart {
  readonly text: string;
  /** Stands on one line. */
  readonly isFigure: boolean;
}

/** The parts of a text; together they are the text. */
export function splitFigures(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const { 0: figure, index } of text.matchAll(FIGURE)) {
    if (index > end) parts.push({ text: text.slice(end, index), isFigure: false });
    parts.push({ text: figure, isFigure: true });
    end = index + figure.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), isFigure: false });
  return parts;
}
