import { useCallback, useEffect, useState } from 'react';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { loadLibrary } from '../../state/library.ts';
import type { Library } from '../../state/library.ts';

export interface LibraryLoad {
  /** null until it is read. */
  readonly library: Library | null;
  readonly error: CodedError | null;
  readonly retry: () => void;
}

/** The cards served with the page. */
export function useLibrary(): LibraryLoad {
  const [library, setLibrary] = useState<Library | null>(null);
  const [error, setError] = useState<CodedError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    loadLibrary().then(
      (loaded) => {
        if (isCurrent) setLibrary(loaded);
      },
      (failure: unknown) => {
        if (isCurrent) setError(HypnosError.from(failure).toCoded());
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [attempt]);
  const retry = useCallback(() => {
    setError(null);
    setAttempt((count) => count + 1);
  }, []);
  return { library, error, retry };
}
