import { createContext } from 'react';

/** What citations in the text around may lead to. */
export interface CitationTargets {
  readonly numbers: ReadonlySet<number>;
  /** Shows the source. */
  readonly open: (number: number) => void;
}

/** null: brackets around numbers are text as any other. */
export const CitationContext = createContext<CitationTargets | null>(null);
