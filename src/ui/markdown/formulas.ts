/**
 * Writes the TeX delimiters that models use in the way the dialect reads them: \( … \) and \[ … \], and a $$ … $$
 * that stands alone on one line. Code is left as it is.
 */
const CODE_OR_FORMULA =
  /(^[ \t]*(`{3,}|~{3,})[\s\S]*?(?:^[ \t]*\2[`~]*[ \t]*$|$(?![\s\S]))|(`+)[^`][\s\S]*?\3(?!`))|\\\[([\s\S]+?)\\\]|\\\(([^\n]+?)\\\)|^([ \t]*)\$\$([^$\n]+)\$\$[ \t]*$/gm;

export function normaliseFormulas(block: string): string {
  if (!block.includes('\\(') && !block.includes('\\[') && !block.includes('$$')) return block;
  return block.replace(
    CODE_OR_FORMULA,
    (
      whole: string,
      code: string | undefined,
      _fence,
      _run,
      display: string | undefined,
      inline: string | undefined,
      indent: string | undefined,
      line: string | undefined,
    ) => {
      if (code !== undefined) return whole;
      if (inline !== undefined) return inline.includes('$') ? whole : `$${inline.trim()}$`;
      if (line !== undefined) return `${indent ?? ''}$$\n${indent ?? ''}${line.trim()}\n${indent ?? ''}$$`;
      const tex = display?.trim() ?? '';
      return tex.includes('$') || /\n[ \t]*\n/.test(tex) ? whole : `\n$$\n${tex}\n$$\n`;
    },
  );
}
