/**
 * One TeX formula. A chunk of its own: KaTeX, its styles and fonts are fetched when the first formula appears.
 * katex.render makes elements (createElementNS); rehype-katex is no choice here, because it parses HTML, which
 * `require-trusted-types-for 'script'` forbids.
 */
import katex from 'katex';
import 'katex/dist/katex.min.css';
import { useLayoutEffect, useRef } from 'react';
import styles from './markdown.module.css';

export interface FormulaProps {
  readonly tex: string;
  readonly display: boolean;
}

const MAX_SOURCE = 2000;

export default function Formula({ tex, display }: FormulaProps) {
  const place = useRef<HTMLSpanElement>(null);

  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    try {
      if (tex.length > MAX_SOURCE) throw new RangeError('formula too long');
      katex.render(tex, element, {
        displayMode: display,
        throwOnError: true,
        trust: false,
        strict: 'ignore',
        maxSize: 20,
        maxExpand: 200,
      });
      delete element.dataset['source'];
    } catch {
      element.textContent = tex;
      element.dataset['source'] = '';
    }
  }, [tex, display]);

  return <span ref={place} className={display ? styles.displayFormula : styles.formula} data-tex={tex} />;
}
