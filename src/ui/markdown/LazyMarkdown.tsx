import { lazy, Suspense } from 'react';
import type { MarkdownProps } from './Markdown.tsx';
import { neutralise } from './neutralise.ts';
import { MAX_DRAWN } from './limits.ts';
import { cutAt, PlainText } from './PlainText.tsx';

const load = () => import('./Markdown.tsx');
const Loaded = lazy(load);

/** Fetches the parser before the first answer needs it, once the page has nothing better to do. */
export function preloadMarkdown(): void {
  const whenIdle = globalThis.requestIdleCallback ?? ((callback: () => void) => setTimeout(callback, 200));
  whenIdle(() => void load().catch(() => undefined));
}

/** Model text; as plain text in the moment until the parser is there. */
export function Markdown(props: MarkdownProps) {
  return (
    <Suspense fallback={<PlainText text={cutAt(neutralise(props.text), MAX_DRAWN)} />}>
      <Loaded {...props} />
    </Suspense>
  );
}
