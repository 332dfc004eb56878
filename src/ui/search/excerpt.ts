export interface ExcerptPart {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Cuts a text at its matches (UTF-16 offsets, ascending). Ranges that overlap or lie outside are clipped. */
export function markExcerpt(
  text: string,
  matches: readonly (readonly [start: number, end: number])[],
): readonly ExcerptPart[] {
  const parts: ExcerptPart[] = [];
  let at = 0;
  for (const [start, end] of matches) {
    const from = Math.min(Math.max(start, at), text.length);
    const to = Math.min(end, text.length);
    if (to <= from) continue;
    if (from > at) parts.push({ text: text.slice(at, from), isMatch: false });
    parts.push({ text: text.slice(from, to), isMatch: true });
    at = to;
  }
  if (at < text.length) parts.push({ text: text.slice(at), isMatch: false });
  return parts;
}
