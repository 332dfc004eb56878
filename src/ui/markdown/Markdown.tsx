/**
 * The one place where model text becomes elements. Inert by construction: no HTML, no images, no address that opens
 * without being shown and asked for; text that would mislead the eye is made visible (`neutralise.ts`).
 *
 *   text -> neutralise -> blocks (`blocks.ts`) -> each block, memoised: dialect -> elements of ELEMENTS only
 *
 * While an answer streams only its last block is parsed, completed for drawing (`incomplete.ts`).
 */
import { Component, lazy, memo, Suspense, useContext, useMemo, useState, type ReactNode } from 'react';
import type { Element, ElementContent } from 'hast';
import ReactMarkdown, { type Components } from 'react-markdown';
import { useTranslation } from 'react-i18next';
import { Figure } from '../components/Figure.tsx';
import { Button, cx } from '../components/index.ts';
import { splitBlocks } from './blocks.ts';
import { CitationContext } from './citationContext.ts';
import { CITATION_SCHEME, remarkCitations } from './citations.ts';
import { CopyButton } from './CopyButton.tsx';
import { remarkPlugins } from './dialect.ts';
import { normaliseFormulas } from './formulas.ts';
import { completeBlock, PENDING_FORMULA } from './incomplete.ts';
import { isDrawable, MAX_DRAWN } from './limits.ts';
import { useLinkGuard } from './linkContext.ts';
import { neutralise } from './neutralise.ts';
import { cutAt, PlainText } from './PlainText.tsx';
import { FIGURE_ELEMENT, remarkUnbroken } from './unbroken.ts';
import { parseOpenableUrl } from './url.ts';
import styles from './markdown.module.css';

const Formula = lazy(() => import('./Formula.tsx'));

export interface MarkdownProps {
  readonly text: string;
  /** Still being written: the last block is completed for drawing and carries the caret. */
  readonly streaming?: boolean;
}

/** A chunk of its own: `LazyMarkdown.tsx`. */
export default memo(function Markdown({ text, streaming = false }: MarkdownProps) {
  const { t, i18n } = useTranslation('chat');
  const [showAll, setShowAll] = useState(false);
  const safe = useMemo(() => neutralise(text), [text]);
  const drawn = safe.length <= MAX_DRAWN ? safe : cutAt(safe, MAX_DRAWN);
  const blocks = useMemo(() => splitBlocks(drawn), [drawn]);

  return (
    <div className={cx(styles.markdown, streaming && styles.streaming)}>
      {blocks.map((block, index) => (
        <Block key={index} text={block} growing={streaming && index === blocks.length - 1} />
      ))}
      {drawn.length < safe.length &&
        (showAll ? (
          <PlainText text={safe.slice(drawn.length)} />
        ) : (
          <div className={styles.more}>
            <span>{t('markdown.cut', { shown: drawn.length.toLocaleString(i18n.language) })}</span>
            <Button
              size="s"
              onClick={() => {
                setShowAll(true);
              }}
            >
              {t('markdown.showAll', {
                count: safe.length,
                total: safe.length.toLocaleString(i18n.language),
              })}
            </Button>
          </div>
        ))}
    </div>
  );
});

const Block = memo(function Block({ text, growing }: { readonly text: string; readonly growing: boolean }) {
  if (!isDrawable(text)) return <PlainText text={text} />;
  return (
    <DrawnOrPlain text={text}>
      <ReactMarkdown
        remarkPlugins={answerPlugins}
        allowedElements={ELEMENTS}
        unwrapDisallowed
        components={COMPONENTS}
        urlTransform={(url) => url} // judged where it is used: `Link`
      >
        {normaliseFormulas(growing ? completeBlock(text) : text)}
      </ReactMarkdown>
    </DrawnOrPlain>
  );
});

/** A block that the parser cannot take (nested beyond the stack) is shown as the text it is. */
class DrawnOrPlain extends Component<{ readonly text: string; readonly children: ReactNode }> {
  override state = { failed: false };
  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }
  override render(): ReactNode {
    return this.state.failed ? <PlainText text={this.props.text} /> : this.props.children;
  }
}

const answerPlugins = [...remarkPlugins, remarkCitations, remarkUnbroken];

const ELEMENTS = [
  ...[
    'p',
    'br',
    'strong',
    'em',
    'del',
    'code',
    'pre',
    'a',
    'img',
    'input',
    'blockquote',
    'hr',
    'ol',
    'ul',
    'li',
  ],
  ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  FIGURE_ELEMENT,
];

const COMPONENTS: Components = {
  // The page's own headings are h1 (conversation) and h2 (each answer). Models skip levels as they like, which would
  // leave holes in the outline: theirs differ in looks only.
  h1: ({ children }) => <h3 className={styles.h1}>{children}</h3>,
  h2: ({ children }) => <h3 className={styles.h2}>{children}</h3>,
  h3: ({ children }) => <h3 className={styles.h3}>{children}</h3>,
  h4: ({ children }) => <h3 className={styles.h3}>{children}</h3>,
  h5: ({ children }) => <h3 className={styles.h3}>{children}</h3>,
  h6: ({ children }) => <h3 className={styles.h3}>{children}</h3>,
  a: ({ href, children }) =>
    href?.startsWith(CITATION_SCHEME) ? (
      <Citation number={Number(href.slice(CITATION_SCHEME.length))} />
    ) : (
      <Link href={href}>{children}</Link>
    ),
  img: ({ alt }) => <Picture alt={alt ?? ''} />,
  [FIGURE_ELEMENT]: ({ children }) => <Figure>{children}</Figure>,
  input: ({ checked }) => <span className={styles.check}>{checked ? '☑' : '☐'}</span>,
  table: ({ children }) => <Table>{children}</Table>,
  pre: ({ node }) => <Preformatted node={node} />,
  code: ({ node, className, children }) =>
    className?.includes('math-inline') ? (
      <LazyFormula tex={textOf(node)} display={false} />
    ) : (
      <code className={styles.code}>{children}</code>
    ),
};

function Link({ href, children }: { readonly href: string | undefined; readonly children?: ReactNode }) {
  const ask = useLinkGuard();
  const url = parseOpenableUrl(href);
  if (!url) return <span>{children}</span>;
  // A button, not an anchor: nothing (a middle click, a drag, the context menu) opens it past the question.
  return (
    <button
      type="button"
      className={styles.link}
      title={url.href}
      onClick={() => {
        ask(url);
      }}
    >
      {children}
      <span className={styles.host}>{url.target}</span>
    </button>
  );
}

/** A number that was not retrieved is not shown: there is nothing that it cites. */
function Citation({ number }: { readonly number: number }) {
  const targets = useContext(CitationContext);
  if (!targets) return `[${number}]`;
  if (!targets.numbers.has(number)) return null;
  return (
    <button
      type="button"
      className={styles.citation}
      onClick={() => {
        targets.open(number);
      }}
    >
      [{number}]
    </button>
  );
}

function Picture({ alt }: { readonly alt: string }) {
  const { t } = useTranslation('chat');
  return (
    <span className={styles.picture}>{t('markdown.image', { alt: alt || t('markdown.imageNoAlt') })}</span>
  );
}

function Table({ children }: { readonly children?: ReactNode }) {
  const { t } = useTranslation('chat');
  return (
    <div className={styles.tableScroll} role="region" aria-label={t('markdown.table')} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

function Preformatted({ node }: { readonly node: Element | undefined }) {
  const { t } = useTranslation('chat');
  const code = node?.children.find((child): child is Element => child.type === 'element');
  const classes = code?.properties['className'];
  const language = Array.isArray(classes) ? String(classes[0] ?? '').replace('language-', '') : '';
  const text = textOf(code).replace(/\n+$/, '');
  if (language === 'math') return <LazyFormula tex={text} display />;
  if (language === PENDING_FORMULA) return <p className={styles.formulaSource}>{text}</p>;
  return (
    <figure className={styles.codeBlock}>
      <figcaption>
        <span>{language || t('markdown.code')}</span>
        <CopyButton label={t('markdown.copyCode')} getText={() => text} />
      </figcaption>
      <pre tabIndex={0} aria-label={t('markdown.code')}>
        <code>{text}</code>
      </pre>
    </figure>
  );
}

function LazyFormula({ tex, display }: { readonly tex: string; readonly display: boolean }) {
  return (
    <Suspense fallback={<span className={styles.formulaSource}>{tex}</span>}>
      <Formula tex={tex} display={display} />
    </Suspense>
  );
}

function textOf(node: ElementContent | undefined): string {
  if (!node) return '';
  if (node.type === 'text') return node.value;
  return node.type === 'element' ? node.children.map(textOf).join('') : '';
}
