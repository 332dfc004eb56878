/** Passages: what is found, quoted and cited. Cards and documents become the same thing here. */
import type { LibraryCard } from './cards.ts';

/** Where a passage stands. */
export type PassageAnchor =
  | { readonly kind: 'card'; readonly cardId: string; readonly sectionId: string }
  | {
      readonly kind: 'document';
      readonly documentId: string;
      /** Place in the document, from 0. */
      readonly ordinal: number;
      /** From 1; null where the file has no pages. */
      readonly page: number | null;
    };

export interface Passage {
  /** `<card>#<section>` or `<document>#<ordinal>`; unique and stable. */
  readonly id: string;
  /** The card's or the document's name. */
  readonly title: string;
  /** The section's; of a document the path of its headings. Empty where there is none. */
  readonly heading: string;
  readonly text: string;
  readonly anchor: PassageAnchor;
}

const CARD_PASSAGE_LENGTH = 420;

const ROUTES: Readonly<Record<string, string>> = {
  iv: '静脉注射',
  'iv-infusion': '静脉输注',
  tci: '靶控输注',
  im: '肌内注射',
  sc: '皮下注射',
  po: '口服',
  sublingual: '舌下含服',
  buccal: '颊黏膜给药',
  intranasal: '鼻内给药',
  rectal: '直肠给药',
  transdermal: '透皮给药',
  inhaled: '吸入',
  nebulised: '雾化吸入',
  topical: '表面给药',
  infiltration: '局部浸润',
  'nerve-block': '神经阻滞',
  epidural: '硬膜外',
  caudal: '骶管',
  intrathecal: '鞘内',
  'iv-regional': '静脉区域麻醉',
};
const POPULATIONS: Readonly<Record<string, string>> = {
  adult: '成人',
  child: '儿童',
  infant: '婴儿',
  neonate: '新生儿',
  elderly: '老年人',
  obstetric: '产妇',
};

/** A card's passages: summary, sections, and its doses, steps or items as one each. */
export function passagesOfCard(card: LibraryCard): readonly Passage[] {
  const passages: Passage[] = [];
  const add = (sectionId: string, heading: string, sentences: readonly string[]) => {
    let part = 0;
    for (const text of joinUpTo(sentences, CARD_PASSAGE_LENGTH)) {
      passages.push({
        id: part === 0 ? `${card.id}#${sectionId}` : `${card.id}#${sectionId}-${part}`,
        title: card.title,
        heading,
        text,
        anchor: { kind: 'card', cardId: card.id, sectionId },
      });
      part += 1;
    }
  };
  add('summary', '概述', [card.summary]);
  for (const section of card.sections) {
    const rows = section.table?.rows.map((row) =>
      row.map((cell, index) => `${section.table?.columns[index] ?? ''}：${cell}`).join('，'),
    );
    add(section.id, section.heading, [...section.statements.map(({ text }) => text), ...(rows ?? [])]);
  }
  // Cards say their doses in words too; where one does not, the figures are still to be found.
  if (card.doses && !card.sections.some(({ id }) => id === 'dose'))
    add(
      'dose',
      '剂量',
      card.doses.map((dose) => doseSentence(card.title, dose)),
    );
  if (card.steps)
    add(
      'steps',
      '处理步骤',
      card.steps.map(({ text, detail }) => (detail ? `${text}：${detail}` : text)),
    );
  if (card.items)
    add(
      'items',
      '评分项目',
      card.items.map(
        ({ label, options }) =>
          `${label}：${options.map((option) => `${option.label}（${option.points} 分）`).join('，')}`,
      ),
    );
  if (card.interpretation)
    add(
      'interpretation',
      '解读',
      card.interpretation.map(({ text }) => text),
    );
  return passages;
}

function doseSentence(title: string, dose: NonNullable<LibraryCard['doses']>[number]): string {
  const amount = dose.low === dose.high ? `${dose.low}` : `${dose.low}～${dose.high}`;
  const who = POPULATIONS[dose.population] ?? '';
  const note = dose.note ? `（${dose.note}）` : '';
  return `${title}${dose.indication}：${who}${ROUTES[dose.route] ?? ''} ${amount} ${dose.unit}${note}`;
}

/** One piece of a document as its reader found it. */
export interface Block {
  readonly kind: 'heading' | 'text';
  /** Of a heading: 1 to 6. */
  readonly level: number;
  readonly text: string;
  readonly page: number | null;
}

const PASSAGE_LENGTH = 320;
const PASSAGE_LENGTH_MAX = 640;

/** Cuts a document's blocks into passages as they come; headings and pages begin new ones. */
export class PassageCutter {
  readonly #documentId: string;
  readonly #title: string;
  #headings: string[];
  #ordinal: number;
  #page: number | null = null;
  #sentences: string[] = [];
  #length = 0;

  /** @param state where an earlier run stopped, between two pages */
  constructor(documentId: string, title: string, state: CutterState = { ordinal: 0, headings: [] }) {
    this.#documentId = documentId;
    this.#title = title;
    this.#ordinal = state.ordinal;
    this.#headings = [...state.headings];
  }

  get state(): CutterState {
    return { ordinal: this.#ordinal, headings: [...this.#headings] };
  }

  *push(block: Block): Generator<Passage> {
    if (block.kind === 'heading' || block.page !== this.#page) yield* this.end();
    this.#page = block.page;
    if (block.kind === 'heading') {
      const depth = Math.min(Math.max(1, block.level), 6);
      this.#headings.length = Math.min(this.#headings.length, depth - 1);
      while (this.#headings.length < depth - 1) this.#headings.push('');
      this.#headings.push(oneLine(block.text).slice(0, 120));
      return;
    }
    for (const sentence of sentencesOf(block.text)) {
      if (this.#length > 0 && this.#length + sentence.length > PASSAGE_LENGTH_MAX) yield* this.end();
      this.#sentences.push(sentence);
      this.#length += sentence.length;
      if (this.#length >= PASSAGE_LENGTH) yield* this.end();
    }
    if (this.#length > 0) this.#sentences.push('\n');
  }

  *end(): Generator<Passage> {
    const text = this.#sentences.join('').trim();
    this.#sentences = [];
    this.#length = 0;
    if (text === '') return;
    const ordinal = this.#ordinal;
    this.#ordinal += 1;
    yield {
      id: `${this.#documentId}#${ordinal}`,
      title: this.#title,
      heading: this.#headings.filter((heading) => heading !== '').join(' › '),
      text,
      anchor: { kind: 'document', documentId: this.#documentId, ordinal, page: this.#page },
    };
  }
}

export interface CutterState {
  readonly ordinal: number;
  readonly headings: readonly string[];
}

const oneLine = (text: string) => text.replace(/\s+/gu, ' ').trim();

/** Longest piece that counts as a sentence: a text without full stops is cut at it. */
const SENTENCE_LENGTH_MAX = 400;
const SENTENCE = /[^。！？；!?;\n]*(?:[。！？；!?;]+[”’」』）)]*\n?|\n|$)/gu;

/** Sentences with their closing signs; joined they are the text (but for blank lines). A full stop in 1.5 ends none. */
export function sentencesOf(text: string): readonly string[] {
  const sentences: string[] = [];
  for (const [found] of text.matchAll(SENTENCE)) {
    for (let rest = found; rest.trim() !== ''; rest = rest.slice(SENTENCE_LENGTH_MAX))
      sentences.push(rest.slice(0, SENTENCE_LENGTH_MAX));
  }
  return sentences;
}

function* joinUpTo(sentences: readonly string[], length: number): Generator<string> {
  let text = '';
  for (const sentence of sentences) {
    if (text !== '' && text.length + sentence.length > length) {
      yield text;
      text = '';
    }
    text += text === '' ? sentence : `\n${sentence}`;
  }
  if (text.trim() !== '') yield text;
}
