import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StopFilter, StreamDecoder } from '../../../src/engine/worker/stream.ts';
import { ToyModel } from './toyModel.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;
const toy = new ToyModel();
const decode = (tokens: readonly number[]) => toy.decode(tokens);

describe('StreamDecoder', () => {
  test('a character comes when its last byte does', () => {
    const decoder = new StreamDecoder(decode);
    expect(toy.encode('痛!').map((token) => decoder.push(token))).toEqual(['', '', '痛', '!']);
    expect(decoder.pending).toBe(0);
  });

  test('an unfinished character is pending', () => {
    const decoder = new StreamDecoder(decode);
    for (const token of toy.encode('a痛').slice(0, 2)) decoder.push(token);
    expect(decoder.pending).toBe(1);
  });

  test('a stray byte does not hold the rest back for ever', () => {
    const decoder = new StreamDecoder(decode);
    const text = [0x80, ...toy.encode('好')].map((token) => decoder.push(token)).join('');
    expect(text).toContain('好');
  });

  test('bytes that never become a character are shown as such, a few tokens late', () => {
    const decoder = new StreamDecoder(decode);
    const pieces = Array.from({ length: 12 }, () => decoder.push(0x80));
    expect(pieces.slice(0, 4)).toEqual(['', '', '', '']);
    expect(pieces.join('')).toMatch(/^\uFFFD{5,}$/);
    expect(decoder.push(0x61)).toMatch(/a$/);
  });

  test('a tokenizer that strips the space of a first token: the space within the text stays', () => {
    const words = ['▁the', '▁dose', 's', '▁of'];
    const decodeWords = (tokens: readonly number[]) =>
      tokens
        .map((token) => words[token])
        .join('')
        .replaceAll('▁', ' ')
        .replace(/^ /, '');
    const decoder = new StreamDecoder(decodeWords);
    expect([0, 1, 2, 3].map((token) => decoder.push(token))).toEqual(['the', ' dose', 's', ' of']);
    const continued = new StreamDecoder(decodeWords, [0]);
    expect([1, 2].map((token) => continued.push(token))).toEqual([' dose', 's']);
  });

  test('always: the pieces are the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!text.includes('\uFFFD') && !LONE_SURROGATE.test(text));
        const decoder = new StreamDecoder(decode);
        const pieces = toy.encode(text).map((token) => decoder.push(token));
        expect(pieces.join('')).toBe(text);
        for (const piece of pieces) expect(piece).not.toMatch(LONE_SURROGATE);
      }),
    );
  });
});

describe('StopFilter', () => {
  const run = (stops: readonly string[], pieces: readonly string[]) => {
    const filter = new StopFilter(stops);
    let text = '';
    for (const piece of pieces) {
      const passed = filter.push(piece);
      text += passed.text;
      if (passed.stopped) return { text, stopped: true };
    }
    return { text: text + filter.flush(), stopped: false };
  };

  test('a stop string cut into pieces never shows', () => {
    expect(run(['<|im_end|>'], ['好。', '<|', 'im_', 'end|>', '多余'])).toEqual({
      text: '好。',
      stopped: true,
    });
  });

  test('what only looked like one does', () => {
    expect(run(['<|im_end|>'], ['a <', '| b', ' <|im'])).toEqual({ text: 'a <| b <|im', stopped: false });
  });

  test('the earliest of several ends the text', () => {
    expect(run(['###', 'User:'], ['x User: ###'])).toEqual({ text: 'x ', stopped: true });
  });

  test('always: the text up to the first stop string, however it is cut', () => {
    const piece = fc
      .array(fc.constantFrom('a', 'b', '<', '|', 'ab'), { maxLength: 6 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom(['<|'], ['ab<', '||'], ['a'], []), (pieces, stops) => {
        const all = pieces.join('');
        const found = stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
        const expected = found.length > 0 ? all.slice(0, Math.min(...found)) : all;
        const result = run(stops, pieces);
        expect(result.stopped).toBe(found.length > 0);
        // With several stop strings a longer one may begin earlier and be completed later than a shorter one.
        if (stops.length < 2) expect(result.text).toBe(expected);
        else expect(all.startsWith(result.text)).toBe(true);
      }),
    );
  });
});
