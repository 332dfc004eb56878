import { Validator } from '@cfworker/json-schema';
import type { Schema } from '@cfworker/json-schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { after, matches } from '../../../src/engine/worker/grammar/grammar.ts';
import type { Grammar, Sequence } from '../../../src/engine/worker/grammar/grammar.ts';
import { jsonSchemaGrammar } from '../../../src/engine/worker/grammar/jsonSchema.ts';
import { toGbnf } from '../../../src/engine/worker/wllama/gbnf.ts';

/** A text of the grammar, by a walk that takes the way `choose` says; ends are taken once it is long. */
function write(grammar: Grammar, choose: (count: number) => number): string {
  const bytes: number[] = [];
  // Steps to the shortest end of every rule.
  const costs = grammar.rules.map(() => Infinity);
  const costOf = (sequence: Sequence): number =>
    sequence.reduce<number>((sum, one) => sum + (typeof one === 'number' ? (costs[one] ?? 0) : 1), 0);
  for (let changed = true; changed;) {
    changed = false;
    for (let rule = costs.length - 1; rule >= 0; rule -= 1) {
      const cost = 1 + Math.min(...grammar.rules[rule]!.map(costOf));
      if (cost < costs[rule]!) [costs[rule], changed] = [cost, true];
    }
  }
  const pick = (alternatives: readonly Sequence[]): Sequence => {
    if (bytes.length < 300) return alternatives[choose(alternatives.length)]!;
    return alternatives.reduce((best, one) => (costOf(one) < costOf(best) ? one : best));
  };
  const todo = [...pick(grammar.root)].reverse();
  for (let symbol = todo.pop(); symbol !== undefined; symbol = todo.pop()) {
    if (typeof symbol === 'number') todo.push(...[...pick(grammar.rules[symbol]!)].reverse());
    else {
      const [from, to] = symbol[choose(symbol.length)]!;
      bytes.push(from + choose(to - from + 1));
    }
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

const oneLine = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${oneLine(one)}`);
  return `{${members.join(', ')}}`;
};

/** Schemas of everything that can be said, each with values that match. */
const leaf: fc.Arbitrary<{ schema: object; value: fc.Arbitrary<unknown> }> = fc.oneof(
  fc.tuple(fc.nat(6), fc.nat(6)).map(([min, more]) => ({
    schema: { type: 'string', minLength: min, maxLength: min + more },
    value: fc
      .array(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), {
        minLength: min,
        maxLength: min + more,
      })
      .map((letters) => letters.map(printable).join('')),
  })),
  fc.constant({ schema: { type: 'boolean' }, value: fc.boolean() }),
  fc.constant({ schema: { type: 'null' }, value: fc.constant(null) }),
  fc.constant({ schema: { type: 'integer' }, value: fc.integer() }),
  fc.constant({ schema: { type: 'integer', minimum: 0 }, value: fc.nat() }),
  fc.constant({ schema: { type: 'integer', exclusiveMinimum: 0 }, value: fc.integer({ min: 1 }) }),
  fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(40)).map(([min, more]) => ({
    schema: { type: 'integer', minimum: min, maximum: min + more },
    value: fc.integer({ min, max: min + more }),
  })),
  fc.constant({
    schema: { type: 'number' },
    value: fc.integer({ min: -1e6, max: 1e6 }).map((thousandths) => thousandths / 1000),
  }),
  fc.constant({ schema: { type: ['boolean', 'null'] }, value: fc.constantFrom(true, false, null) }),
  fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 1, maxLength: 4 }).map((values) => ({
    schema: { enum: values },
    value: fc.constantFrom(...values),
  })),
  fc.jsonValue({ maxDepth: 2 }).map((value) => ({ schema: { const: value }, value: fc.constant(value) })),
);
/** The grammar has no \u escapes: control characters but five cannot be written. */
function printable(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0xd800 && code < 0xe000) ? '麻' : letter;
}
const named = fc.constantFrom('剂量', 'dose', 'a"b', '途径', 'note~/');
const { schema: anySchema } = fc.letrec<{ schema: { schema: object; value: fc.Arbitrary<unknown> } }>(
  (tie) => ({
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.tuple(tie('schema'), fc.nat(3), fc.nat(3)).map(([item, min, more]) => ({
        schema: { type: 'array', items: item.schema, minItems: min, maxItems: min + more },
        value: fc.array(item.value, { minLength: min, maxLength: min + more }),
      })),
      fc.tuple(tie('schema')).map(([item]) => ({
        schema: { type: 'array', items: item.schema },
        value: fc.array(item.value, { maxLength: 4 }),
      })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((options) => ({
        schema: { anyOf: options.map((one) => one.schema) },
        value: fc.oneof(...options.map((one) => one.value)),
      })),
      fc
        .uniqueArray(fc.tuple(named, tie('schema'), fc.boolean()), {
          minLength: 1,
          maxLength: 4,
          selector: ([name]) => name,
        })
        .map((members) => ({
          schema: {
            type: 'object',
            properties: Object.fromEntries(members.map(([name, one]) => [name, one.schema])),
            required: members.filter(([, , isRequired]) => isRequired).map(([name]) => name),
            additionalProperties: false,
          },
          value: fc.record(Object.fromEntries(members.map(([name, one]) => [name, one.value])), {
            requiredKeys: members.filter(([, , isRequired]) => isRequired).map(([name]) => name),
          }),
        })),
    ),
  }),
);
const withValue = anySchema.chain(({ schema, value }) => fc.tuple(fc.constant(schema), value));
const isValid = (schema: object, value: unknown) =>
  new Validator(schema as Schema, '2020-12').validate(value).valid;

test('every value that matches can be written', () => {
  fc.assert(
    fc.property(withValue, ([schema, value]) => {
      // Properties stand in the schema's order in the value too: fc.record keeps it.
      expect(matches(jsonSchemaGrammar(schema), oneLine(value))).toBe(true);
    }),
  );
});

test('everything that can be written is JSON that matches, and may be gone on with from anywhere', () => {
  fc.assert(
    fc.property(withValue, fc.gen(), fc.nat(), ([schema], gen, at) => {
      const grammar = jsonSchemaGrammar(schema);
      const text = write(grammar, (count) => gen(fc.nat, { max: count - 1 }));
      expect(isValid(schema, JSON.parse(text))).toBe(true);
      expect(matches(grammar, text)).toBe(true);

      const letters = Array.from(text);
      const cut = at % (letters.length + 1);
      const rest = after(grammar, letters.slice(0, cut).join(''));
      expect(rest && matches(rest, letters.slice(cut).join(''))).toBe(true);
    }),
  );
});

test('a value that does not match cannot be written', () => {
  fc.assert(
    fc.property(anySchema, fc.jsonValue(), ({ schema }, value) => {
      if (!isValid(schema, value)) expect(matches(jsonSchemaGrammar(schema), oneLine(value))).toBe(false);
    }),
  );
});

test('any JSON goes where the schema does not say', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: true }), (value) => {
      const text = oneLine(value);
      fc.pre(!/e[-+]\d|\\u/.test(text)); // exponents and numbered escapes are not written
      fc.pre(!/\d{16}/.test(text));
      expect(matches(jsonSchemaGrammar({}), text)).toBe(true);
      expect(matches(jsonSchemaGrammar({ type: 'array' }), `[${text}]`)).toBe(true);
      expect(matches(jsonSchemaGrammar({ type: 'object' }), `{"x": ${text}}`)).toBe(true);
    }),
  );
});

test('a schema may name itself inside an object', () => {
  const tree = {
    $defs: {
      node: {
        type: 'object',
        properties: { name: { type: 'string' }, parts: { type: 'array', items: { $ref: '#/$defs/node' } } },
        required: ['name', 'parts'],
      },
    },
    $ref: '#/$defs/node',
  };
  const grammar = jsonSchemaGrammar(tree);
  expect(matches(grammar, '{"name": "a", "parts": [{"name": "b", "parts": []}]}')).toBe(true);
  expect(matches(grammar, '{"name": "a", "parts": [{}]}')).toBe(false);
  const self = jsonSchemaGrammar({ type: 'object', properties: { next: { $ref: '#' } } });
  expect(matches(self, '{"next": {"next": {}}}')).toBe(true);
});

test('values of an enum must match the keywords beside it', () => {
  const grammar = jsonSchemaGrammar({ enum: ['I', 'IV', 3], type: 'string', pattern: 'V' });
  expect(['"I"', '"IV"', '3'].map((text) => matches(grammar, text))).toEqual([false, true, false]);
});

test.each([
  ['pattern', '#/properties/a', { type: 'object', properties: { a: { type: 'string', pattern: '^x' } } }],
  ['oneOf', '#', { oneOf: [{ type: 'string' }, { type: 'null' }] }],
  ['not', '#/items', { type: 'array', items: { not: {} } }],
  ['uniqueItems', '#', { type: 'array', uniqueItems: true }],
  ['format', '#', { type: 'string', format: 'date' }],
  ['maximum', '#', { type: 'integer', maximum: 9 }],
  ['exclusiveMinimum', '#', { type: 'integer', exclusiveMinimum: 7 }],
  ['minimum', '#', { type: 'number', minimum: 0 }],
  ['maxLength', '#', { type: 'string', maxLength: 100_000 }],
  ['maxItems', '#', { type: 'array', minItems: 3, maxItems: 2 }],
  ['required', '#', { type: 'object', properties: { a: true }, required: ['b'] }],
  ['type', '#', { type: 'date' }],
  ['enum', '#', { enum: [] }],
  ['const', '#', { const: 'a', type: 'integer' }],
  ['$ref', '#', { $ref: '#' }],
  ['$ref', '#/anyOf/0', { anyOf: [{ $ref: '#/definitions/none' }] }],
  ['$ref', '#', { $ref: 'https://example.org/schema' }],
  ['description2', '#', { type: 'string', description2: '' }],
  ['false', '#/additionalProperties', { type: 'object', additionalProperties: { anyOf: [false] } }],
])('what a grammar cannot say is refused by its keyword: %s', (keyword, path, schema) => {
  expect(() => jsonSchemaGrammar(schema)).toThrow(
    expect.objectContaining({
      code: 'schema-unsupported',
      detail: { keyword, path: expect.stringContaining(path) as string },
    }) as Error,
  );
});

test('an answer that is no beginning of the grammar cannot go on', () => {
  const grammar = jsonSchemaGrammar({ type: 'boolean' });
  expect(after(grammar, 'tr')).not.toBeNull();
  expect(after(grammar, 'maybe')).toBeNull();
});

test('llama.cpp reads it in the letters of its vocabulary', () => {
  expect(toGbnf(jsonSchemaGrammar({ const: 1 }))).toBe('root ::= [\\u0131-\\u0131] id\nid ::= [0-9a-z;]*\n');
  expect(toGbnf(after(jsonSchemaGrammar({ const: 1 }), '1')!)).toBe('root ::= ""\nid ::= [0-9a-z;]*\n');
});
