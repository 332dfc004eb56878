import fc from 'fast-check';
import type { Nodes, Root } from 'mdast';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { describe, expect, test } from 'vitest';
import { splitBlocks } from '../../../src/ui/markdown/blocks.ts';
import { remarkPlugins } from '../../../src/ui/markdown/dialect.ts';
import { completeBlock } from '../../../src/ui/markdown/incomplete.ts';

const processor = unified().use(remarkParse).use(remarkPlugins).freeze();

/** The tree without positions, and without the line ends that close code which nothing else closes: not drawn. */
function parse(text: string): unknown[] {
  const tree = processor.runSync(processor.parse(text)) as Root;
  return tree.children.map(bare);
}
function bare(node: Nodes): unknown {
  const { position: _position, ...rest } = node;
  if (node.type === 'code' || node.type === 'math') return { ...rest, value: node.value.replace(/\n+$/, '') };
  return 'children' in node ? { ...rest, children: node.children.map(bare) } : rest;
}

/** Lines that answers, and those who want to confuse the splitter, are made of. */
const line = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '停吸入麻醉药',
      '**2.5 mg/kg** 静注',
      'text',
      '  缩进的话',
      '    深缩进',
      '    \t',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '- a',
      '* b',
      '1. 一',
      '2) 二',
      '10. 十',
      '  - 子项',
      '    1. 孙项',
      '-',
      '1.',
      '-    五',
      '-\tx',
      '- ```',
      '- > q',
      ' - s',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '```',
      '```js',
      '   ```',
      '  ```',
      '````',
      '~~~',
      '~~~~ x',
      '$$',
      ' $$',
      '$$$',
      '$$ x',
      'x $$',
      '    ```',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '# 标题',
      '## ',
      '#',
      '#无',
      '---',
      '- - -',
      '***',
      '===',
      '> 引用',
      '>',
      '> - q',
      '> ```',
      '| a | b |',
      '|---|---|',
      '| 1 | 2 |',
      '<div>',
      '<!-- x',
      '[a]: http://x',
      '[^1]: note',
      '\t',
      '    indented',
    ),
  },
);
const document = fc.array(line, { maxLength: 14 }).map((lines) => lines.join('\n'));

describe('splitBlocks', () => {
  test('the blocks joined are the text', () => {
    fc.assert(
      fc.property(fc.oneof(document, fc.string({ unit: 'binary' })), (text) => {
        expect(splitBlocks(text).join('')).toBe(text);
      }),
    );
  });

  test('a growing text keeps all but its last block', () => {
    fc.assert(
      fc.property(document, document, (begun, more) => {
        const before = splitBlocks(begun).slice(0, -1);
        expect(splitBlocks(begun + more).slice(0, before.length)).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  test('parsed one by one they give what the whole gives', () => {
    fc.assert(
      fc.property(document, (text) => {
        expect(splitBlocks(text).flatMap(parse)).toEqual(parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('cuts an ordinary answer where its paragraphs, lists and tables end', () => {
    const answer = [
      '符合恶性高热。',
      '',
      '1. 停药',
      '',
      '2. 呼救',
      '',
      '## 监测',
      '| 指标 | 阈值 |',
      '|---|---|',
      '| 血钾 | 6.0 |',
      '',
      '```text',
      'a',
      '',
      '# 不是标题',
      '```',
      '完。',
      '',
    ].join('\n');
    expect(splitBlocks(answer).map((block) => block.split('\n')[0])).toEqual([
      '符合恶性高热。',
      '1. 停药',
      '## 监测',
      '| 指标 | 阈值 |',
      '```text',
      '完。',
    ]);
  });
});

describe('completeBlock', () => {
  test.each([
    ['立即 **丹曲', '立即 **丹曲**'],
    ['立即 **', '立即 '],
    ['立即 **丹曲林*', '立即 **丹曲林**'],
    ['立即 **丹曲林**', '立即 **丹曲林**'],
    ['剂量 `2.5 m', '剂量 `2.5 m`'],
    ['如下：\n- ', '如下：'],
    ['如下：\n-', '如下：'],
    ['1. 停药\n2.', '1. 停药'],
    ['见 [指南](https://exam', '见 指南'],
    ['图 ![x](http', '图 '],
    ['| 指标 | 阈', '| 指标 | 阈\n|---|---|'],
    ['| 指标 | 阈值 |\n|--', '| 指标 | 阈值 |\n|---|---|'],
    ['```js\nlet a\n``', '```js\nlet a'],
    ['5~10 mg', '5~10 mg'],
    ['3 * 4 = 12', '3 * 4 = 12'],
  ])('%j', (begun, drawn) => {
    expect(completeBlock(begun)).toBe(drawn);
  });

  test('a half-written table is a table', () => {
    expect(parse(completeBlock('| 指标 | 阈值 |\n|---|-'))).toMatchObject([{ type: 'table' }]);
    expect(parse(completeBlock('| 指标 | 阈值'))).toMatchObject([{ type: 'table' }]);
  });

  test('never throws, whatever has arrived', () => {
    fc.assert(
      fc.property(document, fc.nat(200), (text, length) => {
        parse(completeBlock(text.slice(0, length)));
      }),
    );
  });
});

test('Chinese punctuation beside emphasis', () => {
  expect(parse('**恶性高热：**立即处理')).toMatchObject([
    { type: 'paragraph', children: [{ type: 'strong' }, { type: 'text' }] },
  ]);
});

test('a range with tildes is not struck through', () => {
  expect(parse('5~10 mg，每 3~5 分钟')).toMatchObject([{ type: 'paragraph', children: [{ type: 'text' }] }]);
});
