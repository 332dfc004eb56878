/** Both locales say the same things. */
import { describe, expect, test } from 'vitest';
import en from '../../../src/i18n/en/index.ts';
import crisis from '../../../src/i18n/zh-CN/crisis.json' with { type: 'json' };
import device from '../../../src/i18n/zh-CN/device.json' with { type: 'json' };
import dose from '../../../src/i18n/zh-CN/dose.json' with { type: 'json' };
import zhCN from '../../../src/i18n/zh-CN/index.ts';
import library from '../../../src/i18n/zh-CN/library.json' with { type: 'json' };
import manager from '../../../src/i18n/zh-CN/manager.json' with { type: 'json' };
import { knownCode } from '../../../src/i18n/errors.ts';
import { HYPNOS_ERROR_CODES } from '../../../src/shared/errors.ts';

function flatten(tree: object, path = ''): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]: [string, unknown]) =>
      typeof value === 'string'
        ? [[`${path}${key}`, value] as const]
        : [...flatten(value as object, `${path}${key}.`)],
    ),
  );
}
const placeholders = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort();
/** `key_one`, `key_other`: a language has the forms it needs. */
const withoutPlural = (key: string) => key.replace(/_(zero|one|two|few|many|other)$/, '');

const source = flatten({ ...zhCN, crisis, device, dose, library, manager });
const translation = flatten(en);

describe('en', () => {
  test('has every sentence of the source and no other', () => {
    const keys = (map: Map<string, string>) => [...new Set([...map.keys()].map(withoutPlural))].sort();
    expect(keys(translation)).toEqual(keys(source));
  });
  test('quotes the same facts', () => {
    for (const [key, text] of translation) {
      const original =
        source.get(key) ?? source.get(`${withoutPlural(key)}_other`) ?? source.get(withoutPlural(key));
      if (key.includes('_one')) continue; // "one answer" needs no number
      expect([key, placeholders(text)]).toEqual([key, placeholders(original ?? '')]);
    }
  });
  test('has no Chinese left in it, but for the questions to a model that knows nothing else and the recovery screen', () => {
    const isBoth = (key: string) =>
      /empty\.example\.\w+\.text$|^shell\.recovery\.(?:other|reload|crisis)$/.test(key);
    for (const [key, text] of translation)
      if (!isBoth(key)) expect([key, /\p{Script=Han}/u.test(text)]).toEqual([key, false]);
  });
});

test('the recovery screen says in the other language what that language says itself', () => {
  const { recovery: zh } = zhCN.shell;
  const { recovery: english } = en.shell;
  expect(english.other).toBe(`${zh.title}。${zh.kept}`);
  expect(zh.other).toBe(`${english.title}. ${english.kept}`);
});

test('every error code has its sentences, and no code is without', () => {
  expect(Object.keys(zhCN.errors).sort()).toEqual([...HYPNOS_ERROR_CODES].sort());
  for (const [code, { what, kept }] of Object.entries(zhCN.errors))
    expect([code, what.length > 0 && kept.length > 0]).toEqual([code, true]);
});

test('a code of another version is unknown, not a crash', () => {
  expect(knownCode('engine-crashed')).toBe('engine-crashed');
  expect(knownCode('from-the-future')).toBe('unknown');
});

test('Chinese sentences use Chinese punctuation', () => {
  for (const [key, text] of source) {
    // A half-width comma, colon or bracket between two Han characters is a slip.
    expect([key, /\p{Script=Han}[,:;?!()]\p{Script=Han}/u.test(text)]).toEqual([key, false]);
  }
});
