import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  growTree,
  latestLeaf,
  pathTo,
  siblingsOf,
  threadOf,
  titleFrom,
} from '../../../src/history/thread.ts';
import type { Message } from '../../../src/shared/types.ts';

function message(id: string, parentId: string | null, createdAt: number): Message {
  return {
    id,
    conversationId: 'c',
    parentId,
    role: 'user',
    text: '',
    createdAt,
    finishReason: null,
    droppedTurns: 0,
    stats: null,
    model: null,
    errorCode: null,
    sources: null,
  };
}

/** Any forest: each message hangs below an earlier one or is a root; handed over in any order. */
const forest = fc
  .array(fc.record({ parent: fc.nat(), isRoot: fc.boolean(), pause: fc.integer({ min: 0, max: 2 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  .chain((steps) => {
    let time = 0;
    const messages = steps.map(({ parent, isRoot, pause }, index) => {
      const parentId = index === 0 || isRoot ? null : `m${parent % index}`;
      return message(`m${index}`, parentId, (time += pause));
    });
    return fc.tuple(
      fc.constant(messages),
      fc.shuffledSubarray(messages, { minLength: messages.length, maxLength: messages.length }),
    );
  });

describe('a tree of messages', () => {
  it('has for every message one path, from a root down, each the child of the one before', () => {
    fc.assert(
      fc.property(forest, ([messages, shuffled]) => {
        const tree = growTree(shuffled);
        for (const { id } of messages) {
          const path = pathTo(tree, id);
          expect(path.at(-1)?.id).toBe(id);
          expect(path[0]?.parentId).toBeNull();
          for (let index = 1; index < path.length; index += 1)
            expect(path[index]?.parentId).toBe(path[index - 1]?.id);
        }
      }),
    );
  });

  it('gives the same siblings, in order of creation, whatever the order of the list', () => {
    fc.assert(
      fc.property(forest, ([messages, shuffled]) => {
        const tree = growTree(shuffled);
        for (const one of messages) {
          const siblings = siblingsOf(tree, one);
          expect(siblings).toContain(one);
          expect(new Set(siblings.map(({ parentId }) => parentId)).size).toBe(1);
          expect(siblings.map(({ createdAt }) => createdAt)).toEqual(
            siblings.map(({ createdAt }) => createdAt).toSorted((a, b) => a - b),
          );
          expect(siblings).toEqual(siblingsOf(growTree(messages), one));
        }
      }),
    );
  });

  it('the latest leaf below a message is a leaf, below it, and none below it is newer', () => {
    fc.assert(
      fc.property(forest, ([messages, shuffled]) => {
        const tree = growTree(shuffled);
        const parents = new Set(messages.map(({ parentId }) => parentId));
        for (const { id } of messages) {
          const leaf = tree.byId.get(latestLeaf(tree, id) ?? '');
          expect(leaf && parents.has(leaf.id)).toBe(false);
          expect(pathTo(tree, leaf?.id ?? null).map((step) => step.id)).toContain(id);
          const leavesBelow = messages.filter(
            (other) => !parents.has(other.id) && pathTo(tree, other.id).some((step) => step.id === id),
          );
          expect(leaf?.createdAt).toBe(Math.max(...leavesBelow.map(({ createdAt }) => createdAt)));
        }
      }),
    );
  });

  it('shows the newest branch when the leaf is not there', () => {
    fc.assert(
      fc.property(forest, ([, shuffled]) => {
        const tree = growTree(shuffled);
        expect(threadOf(tree, 'gone')).toEqual(threadOf(tree, latestLeaf(tree, null)));
      }),
    );
  });

  it('survives parents that are gone and parents in a circle', () => {
    const orphan = growTree([message('a', 'gone', 1), message('b', 'a', 2)]);
    expect(threadOf(orphan, 'b').map((item) => item.message.id)).toEqual(['a', 'b']);
    const circle = growTree([message('a', 'b', 1), message('b', 'a', 2)]);
    expect(pathTo(circle, 'a')).toHaveLength(2);
    expect(threadOf(growTree([]), null)).toEqual([]);
  });
});

describe('a title', () => {
  it.each([
    ['丙泊酚的诱导剂量？', '丙泊酚的诱导剂量？'],
    ['\n\n## **困难气道** 怎么办\n第二行', '困难气道 怎么办'],
    ['> 引用\n', '引用'],
    ['a'.repeat(40), `${'a'.repeat(29)}…`],
    ['👩‍⚕️'.repeat(40), `${'👩‍⚕️'.repeat(29)}…`],
  ])('of %j is %j', (question, title) => {
    expect(titleFrom(question)).toBe(title);
  });

  it('is one line of at most thirty characters for any question, and blank only if it says nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (question) => {
        const title = titleFrom(question);
        const length = [...new Intl.Segmenter('zh', { granularity: 'grapheme' }).segment(title)].length;
        expect(length).toBeLessThanOrEqual(30);
        expect(title).not.toMatch(/[\r\n]/);
        if (/\p{L}/u.test(question)) expect(title).not.toBe('');
      }),
    );
  });
});
