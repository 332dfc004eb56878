import { splitFigures } from './figures.ts';
import styles from './Unbroken.module.css';

/** A text whose figures stay on one line with their units. */
export function Unbroken({ text }: { readonly text: string }) {
  return splitFigures(text).map((part, index) =>
    part.isFigure ? (
      <span key={index} className={styles.figure}>
        {part.text}
      </span>
    ) : (
      part.text
    ),
  );
}
