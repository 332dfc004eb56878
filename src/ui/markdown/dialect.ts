/**
 * The Markdown that answers are read as: CommonMark, GFM tables, strikethrough, task lists and bare links, TeX
 * formulas, and emphasis that works next to Chinese punctuation. A line's end is one, as in other chats: models write
 * on after a list without an empty line, and Chinese has no use for the space that CommonMark makes of it. Left out on
 * purpose:
 *
 * - HTML: shown as the text it is.
 * - Setext headings: while a list streams in, "…如下：\n-" would flash as a heading.
 * - Indented code: a model's stray indentation is not code.
 * - Link definitions and footnotes: they act across a whole document, and finished blocks are never parsed again.
 * - Strikethrough with one tilde: "5~10 mg" is a range.
 */
import type { Nodes, Parents, Root } from 'mdast';
import remarkBreaks from 'remark-breaks';
import remarkCjkFriendly from 'remark-cjk-friendly';
import remarkGfm from 'remark-gfm';
import remarkMath from 'remark-math';
import type { PluggableList, Processor } from 'unified';

const LEFT_OUT = [
  'htmlFlow',
  'htmlText',
  'setextUnderline',
  'codeIndented',
  'definition',
  'gfmFootnoteDefinition',
  'gfmFootnoteCall',
  'gfmPotentialFootnoteCall',
];

/** Elements inside elements; no honest answer comes near it, and each level costs stack in every pass. */
const MAX_DEPTH = 24;

function leaveOut(this: Processor): void {
  const data = this.data();
  (data.micromarkExtensions ??= []).push({ disable: { null: LEFT_OUT } });
}

/** Replaces what is nested too deeply by its text. Does not recurse. */
function limitDepth() {
  return (tree: Root): void => {
    const open: { node: Parents; depth: number }[] = [{ node: tree, depth: 0 }];
    for (let next = open.pop(); next; next = open.pop()) {
      const { node, depth } = next;
      if (depth >= MAX_DEPTH) {
        node.children = [{ type: 'text', value: textOf(node) }];
        continue;
      }
      for (const child of node.children)
        if ('children' in child) open.push({ node: child, depth: depth + 1 });
    }
  };
}

function textOf(root: Nodes): string {
  let text = '';
  const open: Nodes[] = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    if ('value' in node) text += node.value;
    if ('children' in node) open.push(...node.children.toReversed());
  }
  return text;
}

export const remarkPlugins: PluggableList = [
  [remarkGfm, { singleTilde: false }],
  remarkMath,
  remarkCjkFriendly,
  leaveOut,
  limitDepth,
  remarkBreaks, // recurses
];
