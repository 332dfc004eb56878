/**
 * A grammar in llama.cpp's notation (GBNF), over the names that the vocabulary has there: every byte is its letter, and
 * behind any byte a token may end, with its id.
 */
import { byteLetter } from '../gguf/plan.ts';
import type { Alternatives, ByteSet, Grammar } from '../grammar/grammar.ts';

export function toGbnf({ rules, root }: Grammar): string {
  const written = new Map<ByteSet, string>();
  const write = (alternatives: Alternatives): string =>
    alternatives
      .map((sequence) =>
        sequence.length === 0
          ? '""'
          : sequence.map((symbol) => (typeof symbol === 'number' ? `r${symbol}` : class_(symbol))).join(' '),
      )
      .join(' | ');
  const class_ = (set: ByteSet): string => {
    let text = written.get(set);
    if (text === undefined) {
      text = `[${set.map(([from, to]) => `${escape(from)}-${escape(to)}`).join('')}] id`;
      written.set(set, text);
    }
    return text;
  };
  return [
    `root ::= ${write(root)}`,
    ...rules.map((alternatives, index) => `r${index} ::= ${write(alternatives)}`),
    'id ::= [0-9a-z;]*',
    '',
  ].join('\n');
}

const escape = (byte: number): string => `\\u${byteLetter(byte).charCodeAt(0).toString(16).padStart(4, '0')}`;
