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
  /请问|是多少|多少|怎么样|怎么办|怎么弄|怎么|怎样|咋[办整弄样]?|如何|什么是|什么|用啥|为啥|干啥|啥|哪些|哪个|哪种|哪里|是否|能否|能不能|可不可以|可以|应该|应当|需要|要不要|是不是|好不好|停不停|行不行|为什么|为何|有没有|一下子?|突然|老是|一直|介绍|说明|解释|告诉我|病人|的时候|以后|了|的|吗|么|呢|吧|嘛|啊|呀|啦|请|\b(?:what|which|how|why|when|is|are|the|of|for|in|to|a|an|do|does|should|can)\b/gu;

/** The question without its asking words; itself if nothing else is left. */
export function withoutAsking(question: string): string {
  const left = normalise(question).replace(ASKING, ' ');
  return runsOf(left).length > 0 ? left : question;
}
