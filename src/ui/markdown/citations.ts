/** Citations in the text of an answer become links of a scheme of their own; `Markdown.tsx` draws those it knows. */
import type { Parents, PhrasingContent, Root } from 'mdast';
import { citationPieces } from '../../shared/citations.ts';

export const CITATION_SCHEME = 'hypnos-source:';

export function remarkCitations() {
  return (tree: Root): void => {
    const open: Parents[] = [tree];
    for (let node = open.pop(); node; node = open.pop()) {
      const children = node.children as PhrasingContent[];
      node.children = children.flatMap((child): PhrasingContent[] => {
        if (child.type !== 'text') {
          // A link's text is the link's: no link inside a link.
          if ('children' in child && child.type !== 'link') open.push(child);
          return [child];
        }
        const pieces = citationPieces(child.value);
        if (pieces.every(({ kind }) => kind === 'text')) return [child];
        return pieces.flatMap((piece): PhrasingContent[] =>
          piece.kind === 'text'
            ? [{ type: 'text', value: piece.text }]
            : piece.numbers.map((number) => ({
                type: 'link',
                url: `${CITATION_SCHEME}${number}`,
                children: [{ type: 'text', value: `[${number}]` }],
              })),
        );
      }) as typeof node.children;
    }
  };
}
