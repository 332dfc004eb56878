/**
 * The reference library in public/library: its format, and figures that contradict each other.
 * Way of the data: src/library/source/*.txt -> src/library/build.mjs -> public/library/*.json.
 * None of this is a medical review. The bounds and the way a figure finds its drug are those of
 * convert/data/tools/lint.py, which also holds the cards against the training data.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Validator, type Schema } from '@cfworker/json-schema';
import { expect, test } from 'vitest';
import { buildLibrary } from '../../../src/library/build.mjs';

interface Statement {
  text: string;
  source: string;
}
interface Dose {
  indication: string;
  route: string;
  population: string;
  low: number;
  high: number;
  unit: string;
  note?: string;
  source: string;
}
interface Card {
  id: string;
  kind: string;
  title: string;
  aliases: string[];
  asked?: string[];
  summary: string;
  source: string;
  sections: {
    id: string;
    statements: Statement[];
    table?: { columns: string[]; rows: string[][]; source: string };
  }[];
  doses?: Dose[];
  steps?: { id: string; text: string; detail?: string; source: string; critical?: true }[];
  items?: { id: string; options: { label: string; points: number }[] }[];
  interpretation?: { min: number; max: number }[];
  related: string[];
}
interface Index {
  sources: Record<string, { kind: string }>;
  files: { path: string; kind: string; cards: number; sha256: string }[];
}
interface DoseTable {
  bounds: Record<string, Record<string, [number, number]>>;
  other_names: string[];
  breaks: string[];
  not_a_dose: string;
  not_a_prescription: string;
  same_quantity: Record<string, number>[];
  unit: string;
}

const ROOT = new URL('../../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const json = (path: string): unknown => JSON.parse(text(path));

const schema = json('src/library/card.schema.json') as Schema & { $defs: Record<string, unknown> };
const table = json('convert/data/tools/doses.json') as DoseTable;
const index = json('public/library/index.json') as Index;
const cards = index.files.flatMap((file) => json(`public/library/${file.path}`) as Card[]);
const drugs = cards.filter((card) => card.kind === 'drug');
const byId = new Map(cards.map((card) => [card.id, card]));

/** Every sentence of a card, with the source it names. */
function sentences(card: Card): Statement[] {
  return [
    ...card.sections.flatMap((section) => [
      ...section.statements,
      ...(section.table?.rows.map((row) => ({ text: row.join('，'), source: section.table!.source })) ?? []),
    ]),
    ...(card.steps ?? []).flatMap((step) =>
      [step.text, step.detail ?? ''].filter(Boolean).map((line) => ({ text: line, source: step.source })),
    ),
  ];
}

/** Schema errors of a value, as one line each; none when it is valid. */
function schemaErrors(validator: Validator, value: unknown): string[] {
  const { valid, errors } = validator.validate(value);
  return valid ? [] : errors.slice(-3).map((error) => `${error.instanceLocation}: ${error.error}`);
}

test('public/library is what the authored source gives', () => {
  for (const [path, built] of buildLibrary())
    expect(text(`public/library/${path}`) === built, path).toBe(true);
});

test('the index follows its schema, counts and hashes every file', () => {
  // A copy: the validator writes each definition's address into it.
  const $defs = structuredClone(schema.$defs);
  const indexSchema = { $schema: schema.$schema, $ref: '#/$defs/index', $defs } as Schema;
  const validator = new Validator(indexSchema, '2020-12', false);
  expect(schemaErrors(validator, index)).toEqual([]);
  expect(schemaErrors(validator, { ...index, reviewed: 'yes' })).not.toEqual([]);
  for (const file of index.files) {
    const body = text(`public/library/${file.path}`);
    expect(createHash('sha256').update(body).digest('hex'), file.path).toBe(file.sha256);
    const listed = JSON.parse(body) as Card[];
    expect(listed.length, file.path).toBe(file.cards);
    expect(new Set(listed.map((card) => card.kind)), file.path).toEqual(new Set([file.kind]));
  }
});

test('the library is as wide as it promises', () => {
  const count = (kind: string) => cards.filter((card) => card.kind === kind).length;
  expect(cards.length).toBeGreaterThanOrEqual(150);
  expect(count('drug')).toBeGreaterThanOrEqual(70);
  expect(count('procedure')).toBeGreaterThanOrEqual(25);
  expect(count('physiology')).toBeGreaterThanOrEqual(20);
  expect(count('score')).toBeGreaterThanOrEqual(15);
  expect(count('crisis')).toBeGreaterThanOrEqual(20);
});

test('every card follows the schema, and the schema refuses a broken one', () => {
  const validator = new Validator(schema, '2020-12', false);
  for (const card of cards) expect(schemaErrors(validator, card), card.id).toEqual([]);
  const [drug] = drugs;
  const crisis = cards.find((card) => card.kind === 'crisis');
  const broken: unknown[] = [
    { ...drug, doses: [{ ...drug!.doses![0]!, unit: 'ug/kg' }] },
    { ...drug, doses: [{ ...drug!.doses![0]!, low: 0 }] },
    { ...drug, steps: crisis!.steps },
    { ...crisis, steps: undefined },
    { ...crisis, id: 'Crisis-1' },
    { ...crisis, category: 'misc' },
  ];
  for (const card of broken) expect(validator.validate(JSON.parse(JSON.stringify(card))).valid).toBe(false);
});

test('ids are unique and carry their kind; related cards exist', () => {
  expect(byId.size).toBe(cards.length);
  for (const card of cards) {
    expect(card.id.startsWith(`${card.kind}-`), card.id).toBe(true);
    expect(
      card.related.filter((id) => id === card.id || !byId.has(id)),
      card.id,
    ).toEqual([]);
    for (const list of [card.sections, card.steps ?? [], card.items ?? []]) {
      const ids = list.map((entry) => entry.id);
      expect(new Set(ids).size, `${card.id}: ${ids.join(', ')}`).toBe(ids.length);
    }
  }
});

test('a name leads to one card of its kind', () => {
  const owners = new Map<string, string>();
  for (const card of drugs) {
    for (const name of [card.title, ...card.aliases].map((value) => value.toLowerCase())) {
      expect(owners.get(name) ?? card.id, name).toBe(card.id);
      owners.set(name, card.id);
    }
  }
});

test('how people ask for a card leads to one card, and is no question that the search is measured with', () => {
  const owners = new Map<string, string>();
  for (const { id, asked = [] } of cards)
    for (const phrase of asked) {
      expect(owners.get(phrase), `${phrase}: ${id}`).toBeUndefined();
      owners.set(phrase, id);
    }
  expect(owners.size).toBeGreaterThan(400);
  const measured = ['questions', 'colloquial', 'unseen'].flatMap(
    (name) => json(`tests/fixtures/retrieval/${name}.json`) as { question: string }[],
  );
  const patched = [...owners.keys()].filter((phrase) =>
    measured.some(({ question }) => question.includes(phrase) || phrase.includes(question)),
  );
  expect(patched).toEqual([]);
});

test('every sentence names a known source and stands alone', () => {
  for (const card of cards) {
    expect(index.sources, card.id).toHaveProperty(card.source);
    for (const { text: sentence, source } of sentences(card)) {
      expect(index.sources, `${card.id}: ${sentence}`).toHaveProperty(source);
      expect(sentence, card.id).not.toMatch(
        /(?:^|[。；])(?:本品|该药|此药|它|其(?![他余中])|本法|上述|如上)/u,
      );
    }
    for (const { source, unit } of card.doses ?? [])
      expect(index.sources, `${card.id} ${unit}`).toHaveProperty(source);
    for (const section of card.sections) {
      const rows = section.table?.rows ?? [];
      expect(
        rows.filter((row) => row.length !== section.table?.columns.length),
        card.id,
      ).toEqual([]);
      expect(section.statements.length + rows.length, `${card.id} ${section.id}`).toBeGreaterThan(0);
    }
  }
  const unnamed: string[] = [];
  for (const card of drugs) {
    const names = [card.title, ...card.aliases].map((name) => name.replace(/（.*?）/gu, ''));
    for (const section of card.sections) {
      for (const { text: sentence } of section.statements) {
        if (!names.some((name) => sentence.includes(name))) unnamed.push(`${card.id}: ${sentence}`);
      }
    }
  }
  expect(unnamed, 'sentences that do not name their drug').toEqual([]);
});

test('guidelines in the index are cited somewhere', () => {
  const cited = new Set(
    cards.flatMap((card) => [...sentences(card), ...(card.doses ?? [])].map((entry) => entry.source)),
  );
  expect(Object.keys(index.sources).filter((key) => !cited.has(key))).toEqual([]);
});

test('units are written one way', () => {
  for (const card of cards) {
    for (const { text: sentence } of [...sentences(card), { text: card.summary }]) {
      expect(sentence, card.id).not.toMatch(
        /\u03bc|(?<![a-z])ug\b|\d\s*mcg|\d\s*ml\b|\d\s*iu\b|\/kg\/(?:min|h)|\/Kg/u,
      );
      expect(sentence, `${card.id}: a range is written with ～`).not.toMatch(/\d\s*[~-]\s*\d/u);
    }
  }
});

/** Widest amounts that any drug of the library may have in a unit: a slip of ten leaves them. */
const PLAUSIBLE: Record<string, [number, number]> = {
  mg: [0.05, 1000],
  µg: [2, 1000],
  g: [0.5, 100],
  mL: [3, 500],
  U: [0.5, 20],
  'mg/kg': [0.005, 100],
  'µg/kg': [0.05, 50],
  'g/kg': [0.25, 1],
  'mL/kg': [0.5, 30],
  'U/kg': [1, 400],
  'mg/min': [0.5, 1],
  'µg/min': [2, 200],
  'mg/h': [0.5, 40],
  'g/h': [1, 3],
  'U/h': [0.5, 10],
  'U/min': [0.01, 0.04],
  'mg/(kg·h)': [0.02, 12],
  'µg/(kg·h)': [0.2, 15],
  'µg/(kg·min)': [0.02, 200],
  'mL/(kg·h)': [1, 10],
  'mL/(kg·min)': [0.25, 0.5],
  'U/(kg·h)': [0.1, 18],
  'µg/mL': [1, 6],
  'ng/mL': [1, 8],
  '%': [0.5, 100],
};

test('dose ranges are ordered and plausible for their unit and their drug', () => {
  for (const card of drugs) {
    const kept = [card.title, ...card.aliases].find((name) => name in table.bounds);
    for (const { indication, low, high, unit } of card.doses ?? []) {
      const where = `${card.id} ${indication} ${low}-${high} ${unit}`;
      expect(low <= high, where).toBe(true);
      expect(high / low <= 40, `${where}: too wide to be of use`).toBe(true);
      for (const bounds of [PLAUSIBLE[unit], kept && table.bounds[kept]?.[unit]]) {
        if (bounds)
          expect(bounds[0] <= low && high <= bounds[1], `${where}, bounds ${bounds.join('-')}`).toBe(true);
      }
      expect(PLAUSIBLE, where).toHaveProperty([unit]);
    }
  }
});

const FIGURE = new RegExp(
  `(\\d+(?:\\.\\d+)?)(?:～(\\d+(?:\\.\\d+)?))?\\s*(${table.unit})(?![A-Za-z/])`,
  'gu',
);

/** Name in a text -> the drug card it means, or undefined for a name that only ends another's reach. */
const names = new Map<string, Card | undefined>(
  [...table.other_names, ...table.breaks].map((name) => [name, undefined]),
);
for (const card of drugs) {
  for (const name of [
    card.title,
    ...card.aliases.filter((alias) => alias.length > 2 && /^\P{ASCII}/u.test(alias)),
  ]) {
    names.set(name, card);
  }
}
const NAME = new RegExp(
  [...names.keys()]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/[.+*?()[\]]/gu, '\\$&'))
    .join('|'),
  'gu',
);

/** A unit's quantity and factor: figures of one quantity compare once multiplied by their factors. */
function scale(unit: string): [quantity: number | string, factor: number] {
  const quantity = table.same_quantity.findIndex((factors) => unit in factors);
  return quantity < 0 ? [unit, 1] : [quantity, table.same_quantity[quantity]![unit]!];
}

/** Whether a text ends outside the parentheses in which it begins: a drug named in them stays there. */
function leftParentheses(part: string): boolean {
  return part.split('）').length > part.split('（').length;
}

/** Figures of a sentence that lie outside every dose, in that unit, of the drug named before them. */
function contradictions(sentence: string): string[] {
  const found: string[] = [];
  for (const clause of sentence.replace(new RegExp(table.not_a_dose, 'gu'), '').split(/[。；;\n]/u)) {
    if (new RegExp(table.not_a_prescription, 'u').test(clause)) continue;
    const marks = [...clause.matchAll(NAME)];
    for (const figure of clause.matchAll(FIGURE)) {
      const before = marks.filter(
        (mark) => mark.index < figure.index && !leftParentheses(clause.slice(mark.index, figure.index)),
      );
      const drug = names.get(before.at(-1)?.[0] ?? '');
      const [quantity, factor] = scale(figure[3]!);
      const doses = drug?.doses?.filter((dose) => scale(dose.unit)[0] === quantity) ?? [];
      if (doses.length === 0) continue;
      const low = Number(figure[1]) * factor;
      const high = Number(figure[2] ?? figure[1]) * factor;
      const lowest = Math.min(...doses.map((dose) => dose.low * scale(dose.unit)[1]));
      const highest = Math.max(...doses.map((dose) => dose.high * scale(dose.unit)[1]));
      // 0.1 times 1000 is 100 in floating point, nearly.
      if (low > high || low * 1.0001 < lowest || high > highest * 1.0001) {
        found.push(`${figure[0]}: ${drug!.title} ${lowest / factor}-${highest / factor} ${figure[3]!}`);
      }
    }
  }
  return found;
}

test('no sentence of any card contradicts the doses of the drug it names', () => {
  expect(contradictions('丙泊酚诱导 15～25 mg/kg')).toHaveLength(1);
  expect(contradictions('肾上腺素 10 mg 静脉注射')).toHaveLength(1);
  expect(contradictions('芬太尼 2 µg/kg，罗库溴铵 6 mg/kg')).toHaveLength(1);
  expect(contradictions('舒芬太尼 5 mg 静脉注射')).toHaveLength(1);
  expect(contradictions('布比卡因 10 mg（加舒芬太尼 5 µg），总量 12 mg')).toEqual([]);
  expect(contradictions('芬太尼 2 µg/kg，罗库溴铵 0.6 mg/kg')).toEqual([]);
  for (const card of cards) {
    for (const { text: sentence } of sentences(card)) {
      expect(contradictions(sentence), `${card.id}: ${sentence}`).toEqual([]);
    }
  }
});

test('scores: the bands cover every sum of the options, once', () => {
  for (const card of cards.filter(({ kind }) => kind === 'score')) {
    const points = card.items!.map((item) => item.options.map((option) => option.points));
    const sum = (pick: (values: number[]) => number) =>
      points.reduce((total, values) => total + pick(values), 0);
    const bands = card.interpretation!;
    expect(bands[0]!.min, card.id).toBe(sum((values) => Math.min(...values)));
    expect(bands.at(-1)!.max, card.id).toBe(sum((values) => Math.max(...values)));
    bands.forEach((band, at) => {
      expect(band.min <= band.max, card.id).toBe(true);
      if (at > 0) expect(band.min, `${card.id} band ${at}`).toBe(bands[at - 1]!.max + 1);
    });
    for (const item of card.items!) {
      const labels = item.options.map((option) => option.label);
      expect(new Set(labels).size, `${card.id} ${item.id}`).toBe(labels.length);
    }
  }
});

test('crisis steps are short, and the urgent ones are marked', () => {
  for (const card of cards.filter(({ kind }) => kind === 'crisis')) {
    expect(card.steps![0]!.critical, `${card.id}: the first step is critical`).toBe(true);
    for (const step of card.steps!) expect(step.text, card.id).not.toMatch(/。$/u);
  }
});

test('the retrieval questions name cards that exist, in words of their own', () => {
  const questions = json('tests/fixtures/retrieval/questions.json') as {
    id: string;
    question: string;
    cards: string[];
  }[];
  expect(questions.length).toBeGreaterThanOrEqual(160);
  expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
  expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  const written = new Set(cards.flatMap((card) => sentences(card).map((sentence) => sentence.text)));
  for (const { id, question, cards: wanted } of questions) {
    expect(wanted.length, id).toBeGreaterThan(0);
    expect(
      wanted.filter((card) => !byId.has(card)),
      id,
    ).toEqual([]);
    expect(
      [...written].filter((sentence) => question.length > 8 && sentence.includes(question)),
      id,
    ).toEqual([]);
  }
});
