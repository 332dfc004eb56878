/**
 * The library's format "hypnos-library/1" as the page reads it; card.schema.json is its full definition. What is read
 * here is what screens and search rely on: a card that lacks it is refused, fields that a later version adds are not.
 */
import { z } from 'zod/mini';
import { HypnosError } from '../shared/errors.ts';

// zod would probe for `new Function`, which the page's CSP reports as a violation.
z.config({ jitless: true });

export const LIBRARY_FORMAT = 'hypnos-library/1';
export const CARD_KINDS = ['drug', 'procedure', 'physiology', 'score', 'crisis'] as const;
export type CardKind = (typeof CARD_KINDS)[number];

const text = () => z.string().check(z.minLength(1), z.maxLength(4000));
const cardId = () =>
  z.string().check(z.regex(/^(?:drug|procedure|physiology|score|crisis)-[a-z0-9-]{1,80}$/));

const statement = z.object({ text: text(), source: text() });
const section = z.object({
  id: text(),
  heading: text(),
  statements: z.array(statement),
  table: z.optional(
    z.object({ columns: z.array(z.string()), rows: z.array(z.array(z.string())), source: text() }),
  ),
});
const dose = z.object({
  indication: text(),
  route: text(),
  population: text(),
  /** In `unit`; low and high are equal where there is one figure. */
  low: z.number(),
  high: z.number(),
  unit: text(),
  note: z.optional(z.string()),
  source: text(),
});
const step = z.object({
  id: text(),
  text: text(),
  detail: z.optional(z.string()),
  source: text(),
  critical: z.optional(z.boolean()),
});
const item = z.object({
  id: text(),
  label: text(),
  options: z.array(z.object({ label: text(), points: z.number() })),
});
const band = z.object({ min: z.number(), max: z.number(), text: text() });

const cardSchema = z.object({
  id: cardId(),
  kind: z.enum(CARD_KINDS),
  title: text(),
  title_en: text(),
  aliases: z.array(text()),
  /** How people ask for it in everyday words; only search reads it. */
  asked: z.optional(z.array(text())),
  category: text(),
  summary: text(),
  sections: z.array(section),
  doses: z.optional(z.array(dose)),
  steps: z.optional(z.array(step)),
  items: z.optional(z.array(item)),
  interpretation: z.optional(z.array(band)),
  related: z.array(cardId()),
  version: text(),
});

const sourceSchema = z.union([
  z.object({ kind: z.literal('textbook'), zh: text(), en: text() }),
  z.object({ kind: z.literal('guideline'), title: text(), issuer: text(), year: z.int() }),
]);

const indexSchema = z.object({
  format: z.literal(LIBRARY_FORMAT),
  version: text(),
  language: text(),
  reviewed: z.boolean(),
  notice: z.object({ zh: text(), en: text() }),
  sources: z.record(z.string(), sourceSchema),
  files: z.array(
    z.object({
      path: z.string().check(z.regex(/^[a-z][a-z0-9-]*\.json$/)),
      kind: z.enum(CARD_KINDS),
      cards: z.int(),
      sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
    }),
  ),
});

export type LibraryIndex = z.infer<typeof indexSchema>;
export type LibrarySource = z.infer<typeof sourceSchema>;
export type LibraryCard = z.infer<typeof cardSchema>;
export type CardSection = z.infer<typeof section>;
export type CardStatement = z.infer<typeof statement>;
export type CardDose = z.infer<typeof dose>;
/** One step of a crisis card, in order. */
export type CardStep = z.infer<typeof step>;
export type ScoreItem = z.infer<typeof item>;

/** @throws HypnosError 'library-invalid' (file, path of the first offence) */
export function parseIndex(value: unknown): LibraryIndex {
  return parse(indexSchema, value, 'index.json');
}

/** @throws HypnosError 'library-invalid' (file, path of the first offence) */
export function parseCards(value: unknown, file: string): readonly LibraryCard[] {
  return parse(z.array(cardSchema), value, file);
}

function parse<Schema extends z.core.$ZodType>(
  schema: Schema,
  value: unknown,
  file: string,
): z.output<Schema> {
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new HypnosError('library-invalid', {
    file,
    path: issue?.path.map(String).join('.') ?? '',
    reason: issue?.code ?? 'does not match',
  });
}
