/** Markdown to plain text for other programs: marks go, structure stays (numbers, bullets, tabs between cells). */
import type { List, Nodes, Root } from 'mdast';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { splitBlocks } from './blocks.ts';
import { remarkPlugins } from './dialect.ts';
import { normaliseFormulas } from './formulas.ts';
import { isDrawable } from './limits.ts';
import { neutralise } from './neutralise.ts';

const processor = unified().use(remarkParse).use(remarkPlugins).freeze();

export function toPlainText(markdown: string): string {
  return splitBlocks(neutralise(markdown))
    .map((block) => {
      if (!isDrawable(block)) return block.trimEnd();
      const source = normaliseFormulas(block);
      return blockText(processor.runSync(processor.parse(source)) as Root);
    })
    .filter((text) => text !== '')
    .join('\n\n');
}

function blockText(node: Nodes): string {
  switch (node.type) {
    case 'root':
    case 'blockquote':
      return node.children.map(blockText).join('\n\n');
    case 'list':
      return listText(node);
    case 'table':
      return node.children.map((row) => row.children.map(inlineText).join('\t')).join('\n');
    case 'code':
    case 'math':
      return node.value;
    case 'thematicBreak':
      return '——';
    default:
      return inlineText(node);
  }
}

function listText(list: List): string {
  return list.children
    .map((item, index) => {
      const number = `${(list.start ?? 1) + index}. `;
      const bullet = item.checked === true ? '☑ ' : item.checked === false ? '☐ ' : '• ';
      const mark = list.ordered ? number : bullet;
      const text = item.children.map(blockText).join(list.spread ? '\n\n' : '\n');
      return mark + text.replaceAll('\n', `\n${' '.repeat(mark.length)}`);
    })
    .join('\n');
}

function inlineText(node: Nodes): string {
  switch (node.type) {
    case 'break':
      return '\n';
    case 'image':
      return node.alt ?? '';
    case 'link': {
      const label = node.children.map(inlineText).join('');
      return label === node.url || node.url === `mailto:${label}` ? label : `${label} (${node.url})`;
    }
    default:
      if ('value' in node) return node.value;
      return 'children' in node ? node.children.map(inlineText).join('') : '';
  }
}
