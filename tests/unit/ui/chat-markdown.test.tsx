// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startI18n } from '../../../src/i18n/index.ts';
import figureStyles from '../../../src/ui/components/Figure.module.css';
import { LinkGuardContext } from '../../../src/ui/markdown/linkContext.ts';
import { MAX_DRAWN } from '../../../src/ui/markdown/limits.ts';
import Markdown from '../../../src/ui/markdown/Markdown.tsx';
import { neutralise } from '../../../src/ui/markdown/neutralise.ts';
import { toPlainText } from '../../../src/ui/markdown/plainText.ts';
import { parseOpenableUrl, type OpenableUrl } from '../../../src/ui/markdown/url.ts';

beforeAll(() => startI18n('zh-CN'));
afterEach(cleanup);

/** All that an answer may turn into: nothing that loads, runs, submits, navigates or styles. */
const HARMLESS = new Set(
  [
    ...['article', 'div', 'p', 'span', 'br', 'hr', 'strong', 'em', 'del', 'blockquote', 'ol', 'ul', 'li'],
    ...[
      'h3',
      'h4',
      'h5',
      'h6',
      'table',
      'thead',
      'tbody',
      'tr',
      'th',
      'td',
      'figure',
      'figcaption',
      'pre',
      'code',
    ],
    ...['button', 'svg', 'path', 'rect', 'polyline', 'line', 'circle'], // our own controls and their icons
  ].map((name) => name.toUpperCase()),
);

function draw(text: string, streaming = false): HTMLElement {
  return render(<Markdown text={text} streaming={streaming} />).container;
}

function expectInert(root: HTMLElement): void {
  for (const element of root.querySelectorAll('*')) {
    if (element.closest('.katex')) continue;
    expect(HARMLESS).toContain(element.tagName.toUpperCase());
    for (const { name } of element.attributes) {
      expect(name).not.toMatch(
        /^on|^(?:href|src|srcset|action|formaction|srcdoc|ping|background|poster|data)$/,
      );
    }
  }
}

const HOSTILE = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<a href="javascript:alert(1)">x</a>',
  '<svg onload=alert(1)>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<style>*{display:none}</style>',
  '<form action=//evil.example><input name=a><button>x</button></form>',
  '<meta http-equiv=refresh content="0;url=//evil.example">',
  '<base href=//evil.example>',
  '<math><mtext></mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java&#10;script:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](\u0001javascript:alert(1))',
  '[x](data:text/html;base64,PHNjcmlwdD4=)',
  '[x](vbscript:x)',
  '[x](blob:https://a/b)',
  '[x](file:///etc/passwd)',
  '[x](//evil.example)',
  '[x](#/settings)',
  '[x](?a=b)',
  '<javascript:alert(1)>',
  '![track](https://evil.example/p.png)',
  '![x][y]\n\n[y]: https://evil.example/p.png',
  '[![x](https://evil.example/p.png)](https://evil.example)',
  'https://evil.example/auto www.evil.example a@evil.example',
  '[x][y]\n\n[y]: javascript:alert(1)',
  '[^1]\n\n[^1]: note <b>x</b>',
  '$\\href{javascript:alert(1)}{x}$',
  '$\\includegraphics{https://evil.example/p.png}$',
  '$\\htmlStyle{background:url(//evil.example)}{x}$',
  '$$\\def\\a{\\a\\a}\\a$$',
  '```html onload=alert(1)\n<script>\n```',
  '| <img src=x> | [a](javascript:b) |\n|---|---|\n| <b>x</b> | ![y](http://e/x.png) |',
  '- [x] <input onfocus=alert(1) autofocus>',
];

describe('model text is inert', () => {
  test.each(HOSTILE)('%s', (text) => {
    expectInert(draw(text));
    cleanup();
    expectInert(draw(text, true));
  });

  test('whatever is put together from it', () => {
    const piece = fc.oneof(
      fc.constantFrom(...HOSTILE),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\n', '> ', '* ', '`', '**', '[', '](', ')', '|', '$', '$$\n', '```\n'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, streaming) => {
        expectInert(draw(pieces.join(''), streaming));
        cleanup();
      }),
      { numRuns: 300 },
    );
  });

  test('HTML is shown as the text it is, and comparisons stay whole', () => {
    expect(draw('血钾 <6.0 mmol/L 且 <b>注意</b>').textContent).toBe('血钾 <6.0 mmol/L 且 <b>注意</b>');
  });

  test('a picture is its description', () => {
    expect(draw('![心电图](https://evil.example/p.png)').textContent).toBe('[图片：心电图]');
  });

  test('a link shows its host, asks, and opens nothing by itself', () => {
    const asked: OpenableUrl[] = [];
    render(
      <LinkGuardContext value={(url) => asked.push(url)}>
        <Markdown text="见 [指南](https://www.example.org/a?b=c)" />
      </LinkGuardContext>,
    );
    const link = screen.getByRole('button', { name: /指南/ });
    expect(link.textContent).toContain('www.example.org');
    fireEvent.click(link);
    expect(asked).toEqual([{ href: 'https://www.example.org/a?b=c', target: 'www.example.org' }]);
    expect(document.querySelector('a')).toBeNull();
  });

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    '/models',
    'x',
    '',
    '//evil.example',
    'file:///a',
    'https://',
  ])('%j is not offered', (url) => {
    expect(parseOpenableUrl(url)).toBeNull();
  });

  test('what misleads about a host is taken away', () => {
    expect(parseOpenableUrl('https://trusted.example@evil.example/')).toEqual({
      href: 'https://evil.example/',
      target: 'evil.example',
    });
    expect(parseOpenableUrl('https://аррle.com/')?.target).toMatch(/^xn--/);
  });
});

describe('neutralise', () => {
  test('directional and control characters become visible', () => {
    expect(neutralise('a\u202Eb\u0000\u2066')).toBe('a⟨U+202E⟩b⟨U+0000⟩⟨U+2066⟩');
  });

  test('hidden characters go, ordinary text stays', () => {
    expect(neutralise('甲\u200B乙\u{E0041}\uFEFF')).toBe('甲乙');
    const text = 'EtCO₂ 68 mmHg，👩‍⚕️ é ế שלום\n\t表';
    expect(neutralise(text)).toBe(text);
  });

  test('leaves none, and is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = neutralise(text);
        // eslint-disable-next-line no-control-regex -- finding control characters is the purpose
        expect(once).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u0000-\u0008]/);
        expect(neutralise(once)).toBe(once);
      }),
    );
  });
});

describe('size and depth', () => {
  test('a line of 1 MB is cut, with a way to the rest', () => {
    const root = draw('长'.repeat(1_000_000));
    expect(root.textContent?.length).toBeLessThan(MAX_DRAWN + 100);
    fireEvent.click(screen.getByRole('button', { name: /显示全部/ }));
    expect(root.textContent).toHaveLength(1_000_000);
  });

  test.each([
    '> '.repeat(2500) + 'x',
    '- '.repeat(2500) + 'x',
    '1. '.repeat(1500),
    '- - - - - - - - - a\n'.repeat(200),
    '['.repeat(5000),
    '*a **b '.repeat(800),
    '`'.repeat(7999),
    '![[]('.repeat(1500),
    '|'.repeat(7000) + '\n' + '|-'.repeat(3500),
    '$'.repeat(7999),
    '\\('.repeat(3000),
  ])('hostile nesting %#', (text) => {
    const root = draw(text);
    expectInert(root);
    const depth = (element: Element): number => 1 + Math.max(0, ...Array.from(element.children, depth));
    expect(depth(root)).toBeLessThan(40);
  });
});

describe('formulas', () => {
  test('are drawn by KaTeX, without links or pictures', async () => {
    const root = draw('剂量 $m = 2.5 \\times W$ 与 \\(V\\)\n\n\\[ x^2 \\]\n\n$$ y $$');
    await screen.findAllByText((_, element) => element?.classList.contains('katex') ?? false);
    expect(root.querySelectorAll('.katex')).toHaveLength(4);
    expect(root.querySelectorAll('.katex-display')).toHaveLength(2);
  });

  test.each(['\\notacommand', '\\def\\a{\\a\\a}\\a', '\\frac{'])('%s is shown as its source', async (tex) => {
    draw(`$${tex}$`);
    const source = await screen.findByText(tex);
    await expect.poll(() => source.dataset['source']).toBe('');
  });

  test.each([
    '\\href{https://e.example}{x}',
    '\\url{https://e.example}',
    '\\includegraphics{https://e.example/p.png}',
  ])('%s leads nowhere', async (tex) => {
    const root = draw(`$${tex}$`);
    await expect.poll(() => root.querySelector('.katex')).not.toBeNull();
    expect(root.querySelector('a, img, [href], [src]')).toBeNull();
  });
});

describe('figures', () => {
  const figures = (root: HTMLElement) =>
    Array.from(root.querySelectorAll(`.${figureStyles['figure']}`), (element) => element.textContent);

  test('stay on one line with their units, in Latin letters and in Chinese; the text is as it was written', () => {
    const root = draw('丹曲林 2.5 mg/kg，**0.05 µg/(kg·min)**，每 2～3 小时一次[1]；第 2 步；`5 mg`');
    expect(figures(root)).toEqual(['2.5 mg/kg', '0.05 µg/(kg·min)', '2～3 小时']);
    expect(root.textContent).toBe('丹曲林 2.5 mg/kg，0.05 µg/(kg·min)，每 2～3 小时一次[1]；第 2 步；5 mg');
  });

  test('what only looks like one, and would widen the page, may break', () => {
    const longest = `5 ${'a'.repeat(20)}`;
    expect(figures(draw(longest))).toEqual([longest]);
    expect(figures(draw(`${longest}a`))).toEqual([]);
  });
});

describe("a line's end", () => {
  test('is one, also behind a list', () => {
    const root = draw('按体重：\n- 中度：2 mg/kg\n- 深度：4 mg/kg\n只对罗库溴铵有效。');
    expect(root.querySelectorAll('li')).toHaveLength(2);
    const last = root.querySelectorAll('li')[1];
    expect(last?.querySelectorAll('br')).toHaveLength(1);
    expect(last?.textContent).toMatch(/^深度：4\smg\/kg\n只对罗库溴铵有效。\n*$/);
    cleanup();
    expect(draw('第一行\n第二行').querySelectorAll('br')).toHaveLength(1);
  });
});

describe('toPlainText', () => {
  test('keeps what a reader of plain text needs', () => {
    const text =
      '## 处理\n\n立即 **停药**：\n\n1. 呼救\n2. 给氧\n   - 100%\n\n| 指标 | 阈值 |\n|---|---|\n| 血钾 | 6.0 |\n\n见 [指南](https://a.example/)，$W$ 为体重。\n\n```\ncode\n```';
    expect(toPlainText(text)).toBe(
      '处理\n\n立即 停药：\n\n1. 呼救\n2. 给氧\n   • 100%\n\n指标\t阈值\n血钾\t6.0\n\n见 指南 (https://a.example/)，W 为体重。\n\ncode',
    );
  });
});
