import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTokenizer } from '../../../src/engine/worker/tokenizer.ts';

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const description = read('public/models/hypnos-demo/tokenizer.json') as Record<string, unknown>;
/** Written by the tokenizers library itself (Python): ids without added special tokens, and what they decode to. */
const expected = read('tests/fixtures/tokenizers/hypnos-demo.json') as {
  text: string;
  ids: number[];
  decoded: string;
}[];

describe('byte-level BPE', () => {
  const tokenizer = readTokenizer(description);

  test.each(expected)('$text is cut as the tokenizers library cuts it', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });

  test('decoding gives back any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  test.each([
    ['model', { ...description, model: { type: 'Unigram', vocab: {}, merges: [] } }],
    ['normalizer', { ...description, normalizer: { type: 'BertNormalizer' } }],
    ['pre-tokenizer', { ...description, pre_tokenizer: { type: 'Metaspace' } }],
    ['decoder', { ...description, decoder: { type: 'WordPiece' } }],
  ])('another kind of %s is refused by name', (name, other) => {
    expect(() => readTokenizer(other)).toThrow(
      expect.objectContaining({
        code: 'package-unsupported',
        detail: expect.objectContaining({ needs: expect.stringContaining(name) }) as unknown,
      }),
    );
  });
});
