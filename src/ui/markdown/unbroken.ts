/**
 * A number in an answer stays on one line with the unit behind it: a dose that breaks can be read wrongly. For what is
 * drawn only: copies are made from the text as it was written.
 */
import type { Parents, Root } from 'mdast';

const BEFORE_UNIT = /(?<=\d) (?=[A-Za-zµμ°%‰])/gu;

export function remarkUnbroken() {
  return (tree: Root): void => {
    const open: Parents[] = [tree];
    for (let node = open.pop(); node; node = open.pop())
      for (const child of node.children) {
        if (child.type === 'text') child.value = child.value.replace(BEFORE_UNIT, '\u00A0');
        else if ('children' in child) open.push(child);
      }
  };
}
