/** From a draft to what may be shown: a refused one gives nothing out, a doubtful one only against a reason. */
import type { Draft, Finding } from './draft.ts';

export const MIN_REASON_LENGTH = 2;

/** Results that may be shown. */
export interface Released extends Draft {
  /** Why the soft limits were passed; null where none was. */
  readonly reason: string | null;
}

/** A draft without its results. */
export type Withheld = Omit<Draft, 'results' | 'worked'>;

export type Decision =
  | { readonly verdict: 'clear'; readonly released: Released }
  | {
      readonly verdict: 'needs-reason';
      readonly withheld: Withheld;
      /** null while the reason is too short to be one. */
      readonly acknowledge: (reason: string) => Released | null;
    }
  | { readonly verdict: 'refused'; readonly withheld: Withheld };

const isHard = ({ severity }: Finding) => severity === 'hard';

export function decide(draft: Draft): Decision {
  const { results: _results, worked: _worked, ...withheld } = draft;
  if (draft.findings.some(isHard)) return { verdict: 'refused', withheld };
  if (draft.findings.length === 0) return { verdict: 'clear', released: { ...draft, reason: null } };
  return {
    verdict: 'needs-reason',
    withheld,
    acknowledge: (typed) => {
      const reason = typed.trim();
      return [...reason].length < MIN_REASON_LENGTH ? null : { ...draft, reason };
    },
  };
}
