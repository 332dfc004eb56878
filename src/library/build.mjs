/**
 * Writes public/library/ from the authored cards in src/library/source/.
 *
 *   node src/library/build.mjs            write the JSON files and index.json
 *   node src/library/build.mjs --check    exit 1 if they differ from the source
 *
 * The way of the data: source/*.txt (what a person edits) -> cards -> public/library/<file>.json
 * -> index.json with counts and SHA-256. tests/unit/library/cards.test.ts checks the result against
 * card.schema.json and for contradictions; nothing here judges medicine.
 *
 * A source file is a list of cards, a card a list of lines:
 *
 *   @drug-propofol 丙泊酚 | Propofol | intravenous        id, title, English title, category
 *   aliases: 异丙酚, 得普利麻
 *   asked: 推药时手疼, 睡着的白药        how people ask for it; only search reads it
 *   summary: one or two sentences
 *   source: asa-ps-2020          what the summary and a score's items and bands rest on, if not "textbook"
 *   dose: 全麻诱导 | iv | adult | 1.5～2.5 mg/kg | note     drugs; each also becomes a sentence
 *   [pitfalls]                                            a section: id, and a heading unless it is in HEADINGS
 *   One statement a line. {asra-2020} at its end names a source other than "textbook".
 *   table: column | column {source}                       in a section, followed by
 *   row: cell | cell
 *   step: stop-trigger! 停用挥发性麻醉药 | detail {source}    crises; ! marks a critical step
 *   item: breathing 呼吸 = 无:0 / 慢:1 / 好:2              scores
 *   band: 0～3 text                                       scores
 *   related: crisis-malignant-hyperthermia, drug-ketamine
 *
 * Lines that begin with // and blank lines are left out.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sources } from './sources.mjs';

export const LIBRARY_VERSION = '1.2.0';
const SOURCE = new URL('source/', import.meta.url);
const TARGET = new URL('../../public/library/', import.meta.url);

const FILES = [
  ['drugs.json', 'drug'],
  ['procedures.json', 'procedure'],
  ['physiology.json', 'physiology'],
  ['scores.json', 'score'],
  ['crises.json', 'crisis'],
];

const HEADINGS = {
  dose: '剂量',
  indications: '适应证与用法',
  timing: '起效与时效',
  contraindications: '禁忌与慎用',
  interactions: '相互作用',
  pitfalls: '要点与陷阱',
  preparation: '准备',
  technique: '操作要点',
  complications: '并发症',
  checks: '确认与监测',
  mechanism: '机制',
  values: '数值',
  clinical: '临床意义',
  recognition: '识别',
  causes: '原因与鉴别',
  after: '后续处理',
  use: '如何使用',
  limits: '局限',
};

const ROUTES = {
  iv: '静脉注射',
  'iv-infusion': '静脉输注',
  tci: '靶控输注，目标浓度',
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
  epidural: '硬膜外给药',
  caudal: '骶管给药',
  intrathecal: '蛛网膜下腔给药',
  'iv-regional': '静脉局部麻醉',
  any: '',
};

const POPULATIONS = {
  adult: '成人',
  child: '儿童',
  infant: '婴儿',
  neonate: '新生儿',
  elderly: '老年人',
  obstetric: '孕产妇',
  any: '',
};

/** Split "text {key}" into the text and its source key. */
function cite(text) {
  const match = /^(.*?)\s*\{([a-z0-9-]+)\}$/u.exec(text);
  return match ? { text: match[1], source: match[2] } : { text, source: 'textbook' };
}

const cells = (text) => text.split('|').map((cell) => cell.trim());

/** The sentence that a structured dose is read as. "最大…" is a limit, not an indication. */
export function doseSentence(title, { indication, route, population, low, high, unit, note }) {
  const spaced = (text) => (/^[A-Za-z0-9]/u.test(text) ? ` ${text}` : text);
  const limit = /^(?:单次|每日|累计)?最大/u.test(indication);
  const use = `${/[A-Za-z0-9]$/u.test(title) ? ' ' : ''}${limit ? indication : `用于${spaced(indication)}`}`;
  const amount = low === high ? `${low}` : `${low}～${high}`;
  const who = `${POPULATIONS[population]}${ROUTES[route]}`;
  return `${title}${use}${who ? `，${who}` : ''} ${amount}${unit === '%' ? '' : ' '}${unit}${note ? `；${note}` : ''}。`;
}

function parseDose(value) {
  const cited = cite(value);
  const [indication, route, population, amount, note] = cells(cited.text);
  const match = /^([\d.]+)(?:～([\d.]+))?\s*(\S+)$/u.exec(amount ?? '');
  if (!match) throw new Error(`a dose needs "indication | route | population | 1～2 mg/kg", not "${value}"`);
  const low = Number(match[1]);
  const high = match[2] === undefined ? low : Number(match[2]);
  return {
    indication,
    route,
    population,
    low,
    high,
    unit: match[3],
    ...(note && { note }),
    source: cited.source,
  };
}

function parseStep(value) {
  const cited = cite(value);
  const match = /^([a-z0-9-]+)(!?)\s+([^|]+?)\s*(?:\|\s*(.+))?$/u.exec(cited.text);
  if (!match) throw new Error(`a step needs "id text | detail", not "${value}"`);
  const [, id, critical, text, detail] = match;
  return { id, text, ...(detail && { detail }), source: cited.source, ...(critical && { critical: true }) };
}

function parseItem(value) {
  const match = /^([a-z0-9-]+)\s+(.+?)\s+=\s+(.+)$/u.exec(value);
  if (!match) throw new Error(`an item needs "id label = option:points / option:points", not "${value}"`);
  const options = match[3].split(' / ').map((option) => {
    const at = option.lastIndexOf(':');
    return { label: option.slice(0, at).trim(), points: Number(option.slice(at + 1)) };
  });
  return { id: match[1], label: match[2], options };
}

function parseBand(value) {
  const match = /^(-?[\d.]+)(?:～(-?[\d.]+))?\s+(.+)$/u.exec(value);
  if (!match) throw new Error(`a band needs "0～3 text", not "${value}"`);
  return { min: Number(match[1]), max: Number(match[2] ?? match[1]), text: match[3] };
}

/** Put the doses, as sentences, first in the card's dose section. */
function addDoseSection(card) {
  if (!card.doses) return;
  const statements = card.doses.map((dose) => ({
    text: doseSentence(card.title, dose),
    source: dose.source,
  }));
  const existing = card.sections.find((section) => section.id === 'dose');
  if (existing) existing.statements.unshift(...statements);
  else card.sections.unshift({ id: 'dose', heading: HEADINGS.dose, statements });
}

/** @returns the cards of one source file, in order; throws with file and line on a malformed line. */
export function parseCards(text, kind, name) {
  const cards = [];
  let card, section;
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim().replaceAll('\u03bc', '\u00b5'); // one micro sign, as in the training data
    if (!line || line.startsWith('//')) return;
    const [, key, value] = /^([a-z]+):\s*(.*)$/u.exec(line) ?? [];
    const add = (property, entry) => (card[property] ??= []).push(entry);
    try {
      if (line.startsWith('@')) {
        const [head, title_en, category] = cells(line.slice(1));
        const [id, ...title] = head.split(' ');
        section = undefined;
        card = {
          id,
          kind,
          title: title.join(' '),
          title_en,
          aliases: [],
          category,
          summary: '',
          source: 'textbook',
          sections: [],
        };
        cards.push(card);
      } else if (key === 'aliases') card.aliases = value.split(/[,，]\s*/u);
      else if (key === 'asked') card.asked = value.split(/[,，]\s*/u);
      else if (key === 'summary') card.summary = value;
      else if (key === 'source') card.source = value;
      else if (key === 'related') card.related = value.split(/,\s*/u);
      else if (key === 'dose') add('doses', parseDose(value));
      else if (key === 'step') add('steps', parseStep(value));
      else if (key === 'item') add('items', parseItem(value));
      else if (key === 'band') add('interpretation', parseBand(value));
      else if (key === 'table') {
        const cited = cite(value);
        section.table = { columns: cells(cited.text), rows: [], source: cited.source };
      } else if (key === 'row') section.table.rows.push(cells(value));
      else if (line.startsWith('[')) {
        const [, id, heading] = /^\[([a-z0-9-]+)\s*(.*)\]$/u.exec(line);
        section = { id, heading: heading || HEADINGS[id], statements: [] };
        if (!section.heading) throw new Error(`section "${id}" has no heading`);
        card.sections.push(section);
      } else section.statements.push(cite(line));
    } catch (error) {
      throw new Error(`${name}:${index + 1}: ${error.message}`, { cause: error });
    }
  });
  return cards.map((parsed) => {
    addDoseSection(parsed);
    const { related = [], ...rest } = parsed;
    return { ...rest, related, version: LIBRARY_VERSION };
  });
}

/** @returns {Map<string, string>} file name -> text of every file of public/library/. */
export function buildLibrary() {
  const built = new Map();
  const files = FILES.map(([path, kind]) => {
    const name = path.replace('.json', '.txt');
    const cards = parseCards(readFileSync(new URL(name, SOURCE), 'utf8'), kind, name);
    const text = `[\n${cards.map((card) => JSON.stringify(card)).join(',\n')}\n]\n`;
    built.set(path, text);
    return { path, kind, cards: cards.length, sha256: createHash('sha256').update(text).digest('hex') };
  });
  const index = {
    format: 'hypnos-library/1',
    version: LIBRARY_VERSION,
    language: 'zh-CN',
    reviewed: false,
    notice: {
      zh: '本参考库由语言模型为本项目撰写，未经临床医师审核，不能作为诊疗依据；剂量和步骤请以药品说明书、最新指南和本院规范为准。文中的指南按所注年份引用，可能已有新版，内容未与原文核对。',
      en: 'Written for this project by a language model and not reviewed by clinicians. Not a basis for care: check doses and steps against labels, current guidelines and local protocols. A guideline is named by its year; it may have a newer edition, and nothing here was checked against its text.',
    },
    sources,
    files,
  };
  built.set('index.json', `${JSON.stringify(index, null, 2)}\n`);
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = buildLibrary();
  let stale = 0;
  for (const [path, text] of built) {
    const target = new URL(path, TARGET);
    if (!process.argv.includes('--check')) writeFileSync(target, text);
    else if (readFileSync(target, 'utf8') !== text) {
      console.error(
        `public/library/${path} is not what src/library/source gives: run node src/library/build.mjs`,
      );
      stale += 1;
    }
  }
  const counts = JSON.parse(built.get('index.json')).files.map((file) => `${file.cards} ${file.kind}`);
  console.log(counts.join(', '));
  process.exitCode = stale ? 1 : 0;
}
