import { Figure } from './Figure.tsx';
import { splitFigures } from './figures.ts';

/** A text whose figures stay on one line with their units. */
export function Unbroken({ text }: { readonly text: string }) {
  return splitFigures(text).map((part, index) =>
    part.isFigure ? <Figure key={index}>{part.text}</Figure> : part.text,
  );
}
