import { cx } from '../components/cx.ts';
import styles from './markdown.module.css';

const CHUNK = 4_000;

/** Text as it is, in pieces of which the browser lays out only those in sight. */
export function PlainText({ text }: { readonly text: string }) {
  const pieces: string[] = [];
  for (let rest = text; rest !== '';) {
    const piece = cutAt(rest, CHUNK);
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces.map((piece, index) => (
    <div key={index} className={cx(styles.plain, pieces.length > 1 && styles.lazy)}>
      {piece}
    </div>
  ));
}

/** The text's beginning, cut after a line end if there is one, and never inside a surrogate pair. */
export function cutAt(text: string, length: number): string {
  if (text.length <= length) return text;
  const line = text.lastIndexOf('\n', length) + 1;
  if (line > length / 2) return text.slice(0, line);
  const code = text.charCodeAt(length - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length);
}
