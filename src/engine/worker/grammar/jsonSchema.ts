/**
 * JSON Schema -> the grammar of JSON texts that match it.
 *
 * The texts are a part of those that match, as a model should write them: one line, `", "` and `": "` between things,
 * properties in the schema's order and no others, numbers that a double holds. What cannot be said in a grammar is
 * refused by its keyword: an answer that was let through always matches.
 */
import { Validator } from '@cfworker/json-schema';
import type { Schema } from '@cfworker/json-schema';
import { HypnosError } from '../../../shared/errors.ts';
import { GrammarBuilder, textSequence } from './grammar.ts';
import type { Alternatives, ByteSet, Grammar, Sequence } from './grammar.ts';

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
type Type = (typeof TYPES)[number];
type Keywords = Readonly<Record<string, unknown>>;

/** They say nothing about which values match. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$comment', '$defs', 'definitions'],
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
]);
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];
const KEYWORDS: Readonly<Record<Type, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  number: BOUNDS,
  integer: BOUNDS,
  boolean: [],
  null: [],
};
/** Characters, items, integers between two bounds: every one is a rule of its own. */
const COUNT_MAX = 4096;
/** A double holds every integer of so many digits. */
const DIGITS_MAX = 15;

/** @throws HypnosError 'schema-unsupported' with `keyword`, `path` */
export function jsonSchemaGrammar(schema: unknown): Grammar {
  const compiler = new Compiler(schema);
  const root = compiler.value(schema, '#');
  return compiler.builder.grammar([root]);
}

const bytes = (...set: ByteSet): ByteSet => set;
const DIGIT = bytes([0x30, 0x39]);
const DIGIT_BUT_ZERO = bytes([0x31, 0x39]);
const CONTINUATION = bytes([0x80, 0xbf]);
/** One character of a JSON string, as well-formed UTF-8 (Unicode 15, table 3-7); escapes that have a letter. */
const CHARACTER: Alternatives = [
  [bytes([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f])],
  [bytes([0xc2, 0xdf]), CONTINUATION],
  [bytes([0xe0, 0xe0]), bytes([0xa0, 0xbf]), CONTINUATION],
  [bytes([0xe1, 0xec], [0xee, 0xef]), CONTINUATION, CONTINUATION],
  [bytes([0xed, 0xed]), bytes([0x80, 0x9f]), CONTINUATION],
  [bytes([0xf0, 0xf0]), bytes([0x90, 0xbf]), CONTINUATION, CONTINUATION],
  [bytes([0xf1, 0xf3]), CONTINUATION, CONTINUATION, CONTINUATION],
  [bytes([0xf4, 0xf4]), bytes([0x80, 0x8f]), CONTINUATION, CONTINUATION],
  [
    ...textSequence('\\'),
    Array.from('"\\/bfnrt', (letter) => [letter.charCodeAt(0), letter.charCodeAt(0)] as const),
  ],
];

class Compiler {
  readonly builder = new GrammarBuilder();
  readonly #root: unknown;
  /** `$ref`s that are being read before anything of their value: one that leads to itself never ends. */
  readonly #following = new Set<string>();

  constructor(root: unknown) {
    this.#root = root;
  }

  value(schema: unknown, path: string): Sequence {
    if (schema === true) return this.#anything();
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw unsupported(String(schema), path);
    }
    const keywords = Object.fromEntries(Object.entries(schema).filter(([name]) => !ANNOTATIONS.has(name)));
    if (Object.keys(keywords).length === 0) return this.#anything();
    if ('$ref' in keywords) return this.#reference(keywords, path);
    if ('const' in keywords || 'enum' in keywords) return this.#listed(keywords, path);
    if ('anyOf' in keywords) return this.#anyOf(keywords, path);
    return this.#oneOf(path, this.#ofTypes(typesOf(keywords, path), keywords, path));
  }

  #anything(): Sequence {
    const types = TYPES.filter((type) => type !== 'integer'); // numbers are
    return [this.builder.rule('anything', () => this.#ofTypes(types, {}, 'anything'))];
  }

  #oneOf(path: string, alternatives: Alternatives): Sequence {
    const [only] = alternatives;
    return alternatives.length === 1 && only ? only : [this.builder.rule(path, () => alternatives)];
  }

  #reference(keywords: Keywords, path: string): Sequence {
    alone('$ref', keywords, path);
    const { $ref: target } = keywords;
    if (typeof target !== 'string' || !/^#(?:\/|$)/.test(target)) throw unsupported('$ref', path);
    if (this.#following.has(target)) throw unsupported('$ref', path);
    return [
      this.builder.rule(`$ref ${target}`, () => {
        this.#following.add(target);
        const found = this.value(this.#resolve(target, path), target);
        this.#following.delete(target);
        return [found];
      }),
    ];
  }

  #resolve(pointer: string, path: string): unknown {
    let found: unknown = this.#root;
    for (const part of pointer.split('/').slice(1)) {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name))
        throw unsupported('$ref', path);
      found = (found as Keywords)[name];
    }
    return found;
  }

  /** The other keywords sort out what they do not let through. */
  #listed(keywords: Keywords, path: string): Sequence {
    const keyword = 'const' in keywords ? 'const' : 'enum';
    const listed: unknown = 'const' in keywords ? [keywords.const] : keywords.enum;
    if (!Array.isArray(listed)) throw unsupported(keyword, path);
    let values: readonly unknown[];
    try {
      const validator = new Validator(keywords as Schema, '2020-12');
      values = listed.filter((value) => validator.validate(value).valid);
    } catch {
      throw unsupported(keyword, path);
    }
    if (values.length === 0) throw unsupported(keyword, path);
    const texts = new Set(values.map(writeOnOneLine));
    return this.#oneOf(path, Array.from(texts, textSequence));
  }

  #anyOf(keywords: Keywords, path: string): Sequence {
    alone('anyOf', keywords, path);
    const { anyOf } = keywords;
    if (!Array.isArray(anyOf) || anyOf.length === 0) throw unsupported('anyOf', path);
    return this.#oneOf(
      path,
      anyOf.map((schema, index) => this.value(schema, `${path}/anyOf/${index}`)),
    );
  }

  #ofTypes(types: readonly Type[], keywords: Keywords, path: string): Alternatives {
    const unknown = Object.keys(keywords).find(
      (name) => name !== 'type' && !TYPES.some((type) => KEYWORDS[type].includes(name)),
    );
    if (unknown !== undefined) throw unsupported(unknown, path);
    return types.flatMap((type) => this.#ofType(type, keywords, path));
  }

  #ofType(type: Type, keywords: Keywords, path: string): Alternatives {
    switch (type) {
      case 'object':
        return [this.#object(keywords, path)];
      case 'array':
        return [this.#array(keywords, path)];
      case 'string':
        return [this.#string(keywords, path)];
      case 'integer':
        return this.#integer(keywords, path);
      case 'number': {
        const bound = BOUNDS.find((name) => name in keywords);
        if (bound !== undefined) throw unsupported(bound, path);
        return [this.#number()];
      }
      case 'boolean':
        return ['true', 'false'].map(textSequence);
      case 'null':
        return [textSequence('null')];
    }
  }

  #object(keywords: Keywords, path: string): Sequence {
    const { properties = {}, required = [], additionalProperties = true } = keywords;
    if (typeof properties !== 'object' || properties === null) throw unsupported('properties', path);
    if (!Array.isArray(required)) throw unsupported('required', path);
    const members = Object.entries(properties);
    const missing = (required as unknown[]).filter((name) => !Object.hasOwn(properties, String(name)));
    const braces = (inner: Sequence) => [...textSequence('{'), ...inner, ...textSequence('}')];
    if (members.length === 0 && missing.length === 0 && additionalProperties !== false) {
      return braces(this.#anyMembers(additionalProperties, path));
    }
    if (missing.length > 0) throw unsupported('required', path);
    const from = (index: number, isFirst: boolean): Sequence => {
      const member = members[index];
      if (!member) return [];
      const [name, schema] = member;
      return [
        this.builder.rule(`${path}{${index}${isFirst ? 'first' : ''}`, () => {
          const value = this.#outside(() => this.value(schema, `${path}/properties/${escapePointer(name)}`));
          const written = [
            ...textSequence(`${isFirst ? '' : ', '}${JSON.stringify(name)}: `),
            ...value,
            ...from(index + 1, false),
          ];
          return required.includes(name) ? [written] : [written, from(index + 1, isFirst)];
        }),
      ];
    };
    return braces(from(0, true));
  }

  #anyMembers(schema: unknown, path: string): Sequence {
    const at = `${path}/additionalProperties`;
    const value = this.builder.rule(`${at} value`, () => [this.#outside(() => this.value(schema, at))]);
    const member = [...this.#string({}, at), ...textSequence(': '), value];
    return this.builder.repeat(at, member, [...textSequence(', '), ...member], 0, Infinity);
  }

  #array(keywords: Keywords, path: string): Sequence {
    const [min, max] = counts(keywords, 'minItems', 'maxItems', path);
    const at = `${path}/items`;
    const schema = 'items' in keywords ? keywords.items : true;
    // Not a look at the items where there can be none.
    const item = () => [
      this.builder.rule(`${at} value`, () => [this.#outside(() => this.value(schema, at))]),
    ];
    const items =
      max === 0 ? [] : this.builder.repeat(at, item(), [...textSequence(', '), ...item()], min, max);
    return [...textSequence('['), ...items, ...textSequence(']')];
  }

  #string(keywords: Keywords, path: string): Sequence {
    const [min, max] = counts(keywords, 'minLength', 'maxLength', path);
    const character = [this.builder.rule('character', () => CHARACTER)];
    const quote = textSequence('"');
    return [...quote, ...this.builder.repeat('character', character, character, min, max), ...quote];
  }

  #integer(keywords: Keywords, path: string): Alternatives {
    const [min, max] = integerBounds(keywords, path);
    if (Number.isFinite(min) && Number.isFinite(max)) {
      if (min > max || max - min >= COUNT_MAX) throw unsupported(givenBound(keywords, 'maximum'), path);
      return Array.from({ length: max - min + 1 }, (_, index) => textSequence(String(min + index)));
    }
    if (max !== Infinity) throw unsupported(givenBound(keywords, 'maximum'), path);
    const positive = [DIGIT_BUT_ZERO, ...this.#digits(0, DIGITS_MAX - 1)];
    if (min === 1) return [positive];
    if (min === 0) return [textSequence('0'), positive];
    if (min !== -Infinity) throw unsupported(givenBound(keywords, 'minimum'), path);
    return [textSequence('0'), positive, [...textSequence('-'), ...positive]];
  }

  #number(): Sequence {
    return [
      this.builder.rule('number', () => {
        const integers = this.#integer({}, '');
        const fraction = [...textSequence('.'), ...this.#digits(1, DIGITS_MAX)];
        return [...integers, textSequence('-0')].flatMap((integer) => [integer, [...integer, ...fraction]]);
      }),
    ];
  }

  #digits(min: number, max: number): Sequence {
    return this.builder.repeat('digit', [DIGIT], [DIGIT], min, max);
  }

  /** What stands inside an object or an array may name the schema around it. */
  #outside<T>(read: () => T): T {
    const following = [...this.#following];
    this.#following.clear();
    try {
      return read();
    } finally {
      for (const target of following) this.#following.add(target);
    }
  }
}

function typesOf(keywords: Keywords, path: string): readonly Type[] {
  const { type } = keywords;
  if (type === undefined) {
    // A schema that only speaks of some types means those.
    const meant = TYPES.filter((one) => KEYWORDS[one].some((name) => name in keywords));
    return meant.length > 0 ? meant : TYPES;
  }
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  const isKnown = (one: unknown): one is Type => (TYPES as readonly unknown[]).includes(one);
  if (types.length === 0 || !types.every(isKnown)) throw unsupported('type', path);
  return types;
}

/** Bounds of a length. */
function counts(keywords: Keywords, least: string, most: string, path: string): readonly [number, number] {
  const count = (name: string, absent: number): number => {
    if (!(name in keywords)) return absent;
    const value = keywords[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX)
      return value;
    throw unsupported(name, path);
  };
  const min = count(least, 0);
  const max = count(most, Infinity);
  if (min > max) throw unsupported(most, path);
  return [min, max];
}

function integerBounds(keywords: Keywords, path: string): readonly [number, number] {
  const bound = (name: string, absent: number): number => {
    if (!(name in keywords)) return absent;
    const value = keywords[name];
    if (typeof value !== 'number' || Math.abs(value) > Number.MAX_SAFE_INTEGER) throw unsupported(name, path);
    return value;
  };
  return [
    Math.max(Math.ceil(bound('minimum', -Infinity)), Math.floor(bound('exclusiveMinimum', -Infinity)) + 1),
    Math.min(Math.floor(bound('maximum', Infinity)), Math.ceil(bound('exclusiveMaximum', Infinity)) - 1),
  ];
}

/** The keyword that the schema has for this bound. */
function givenBound(keywords: Keywords, name: 'minimum' | 'maximum'): string {
  return name in keywords ? name : `exclusive${name === 'minimum' ? 'Minimum' : 'Maximum'}`;
}

function alone(keyword: string, keywords: Keywords, path: string): void {
  const other = Object.keys(keywords).find((name) => name !== keyword);
  if (other !== undefined) throw unsupported(other, path);
}

/** JSON as the grammar's other rules write it. */
function writeOnOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeOnOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}: ${writeOnOneLine(member)}`,
  );
  return `{${members.join(', ')}}`;
}

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function unsupported(keyword: string, path: string): HypnosError {
  return new HypnosError('schema-unsupported', { keyword, path });
}
