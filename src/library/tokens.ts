/** From a text to the terms of the index: bigrams of Chinese, words of Latin and Greek, numbers. */

/** Compatibility forms (full width, ligatures) and letter case are the same to a reader. */
export function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

const RUN =
  /\p{Script=Han}+|[\p{Script=Latin}\p{Script=Greek}][\p{Script=Latin}\p{Script=Greek}\d]*(?:-[\p{Script=Latin}\p{Script=Greek}\d]+)*|\d+(?:\.\d+)?/gu;
const HAN = /^\p{Script=Han}/u;

export interface Run {
  readonly text: string;
  readonly isHan: boolean;
}

/** Runs of one script, in order; everything between them separates. */
export function runsOf(normalised: string): readonly Run[] {
  return Array.from(normalised.matchAll(RUN), ([text]) => ({ text, isHan: HAN.test(text) }));
}

/** Terms in order, repeated as they occur. A hyphenated word counts whole and in its parts: stop-bang, stop, bang. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const run of runsOf(normalise(text))) {
    if (!run.isHan) {
      terms.push(run.text);
      if (run.text.includes('-')) terms.push(...run.text.split('-'));
      continue;
    }
    const characters = Array.from(run.text);
    if (characters.length === 1) terms.push(run.text);
    for (let at = 1; at < characters.length; at += 1) terms.push(`${characters[at - 1]}${characters[at]}`);
  }
  return terms;
}

/** What a question says besides what it asks about. */
const ASKING =
  /请问|是多少|多少|怎么样|怎么办|怎么|怎样|如何|什么是|什么|哪些|哪个|哪种|是否|能否|能不能|可不可以|可以|应该|应当|需要|为什么|为何|有没有|一下|介绍|说明|解释|告诉我|吗|呢|吧|请|\b(?:what|which|how|why|when|is|are|the|of|for|in|to|a|an|do|does|should|can)\b/gu;

/** Everyday words for what cards call by another name. */
const SAME: readonly (readonly [RegExp, string])[] = [
  [/用多少|给多少|打多少|推多少|多大剂量|用量|多大量|怎么用|\bdos(?:e|age)\b/u, '剂量'],
  [/老人|高龄|岁老/u, '老年人'],
  [/小孩|小儿|患儿|孩子|宝宝/u, '儿童'],
  [/孕妇|孕产妇/u, '产妇'],
  [/多久|多长时间/u, '起效 持续'],
  [/拮抗|逆转/u, '拮抗 逆转'],
  [/副作用/u, '不良反应'],
];

/** Words that cards use for what the question says in its own. */
export function synonymsIn(question: string): string {
  const text = normalise(question);
  return SAME.filter(([pattern]) => pattern.test(text))
    .map(([, words]) => words)
    .join(' ');
}

/** The question without its asking words; itself if nothing else is left. */
export function withoutAsking(question: string): string {
  const left = normalise(question).replace(ASKING, ' ');
  return runsOf(left).length > 0 ? left : question;
}
