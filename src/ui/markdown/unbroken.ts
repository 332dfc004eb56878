/** A figure in an answer stays on one line with its unit, as on the cards: it becomes an element that does not break. */
import type { Emphasis, Parents, PhrasingContent, Root, Text } from 'mdast';
import { splitFigures } from '../components/figures.ts';

/** No model text makes one: HTML is not parsed. */
export const FIGURE_ELEMENT = 'span';

/** What is longer would widen the page, and is no figure that anybody doses by. */
const MOST_CHARACTERS = 22;
const NOTHING_TO_BREAK = /^[\d.,]+$/u;

export function remarkUnbroken() {
  return (tree: Root): void => {
    const open: Parents[] = [tree];
    for (let node = open.pop(); node; node = open.pop()) {
      const children = node.children as PhrasingContent[];
      for (const child of children) if ('children' in child) open.push(child);
      node.children = children.flatMap((child) =>
        child.type === 'text' ? partsOf(child) : [child],
      ) as typeof node.children;
    }
  };
}

function partsOf({ value }: Text): PhrasingContent[] {
  return splitFigures(value).map(({ text, isFigure }) => {
    const content: Text = { type: 'text', value: text };
    if (!isFigure || text.length > MOST_CHARACTERS || NOTHING_TO_BREAK.test(text)) return content;
    return { type: 'emphasis', data: { hName: FIGURE_ELEMENT }, children: [content] } satisfies Emphasis;
  });
}
