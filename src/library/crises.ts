/**
 * Crisis cards alone: index and one file. A fault in another file of the library must not keep them from opening.
 */
import { HypnosError } from '../shared/errors.ts';
import { parseCards, parseIndex } from './cards.ts';
import type { CardStep, LibraryCard, LibraryIndex } from './cards.ts';

export interface CrisisCard extends LibraryCard {
  readonly steps: CardStep[];
}

export interface Crises {
  readonly index: LibraryIndex;
  readonly cards: readonly CrisisCard[];
}

/** @throws HypnosError 'library-unavailable' (file), 'library-invalid' (file, path, reason) */
export async function readCrises(
  baseUrl: string,
  fetchFile: (url: string) => Promise<Response>,
): Promise<Crises> {
  const read = async (file: string): Promise<ArrayBuffer> => {
    let response: Response;
    try {
      response = await fetchFile(new URL(file, baseUrl).href);
    } catch (error) {
      throw new HypnosError('library-unavailable', { file }, { cause: error });
    }
    if (!response.ok) throw new HypnosError('library-unavailable', { file, status: response.status });
    return response.arrayBuffer();
  };
  const index = parseIndex(parseJson(await read('index.json'), 'index.json'));
  const cards = await Promise.all(
    index.files
      .filter(({ kind }) => kind === 'crisis')
      .map(async ({ path, sha256 }) => {
        const bytes = await read(path);
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
        const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
        if (hash !== sha256)
          throw new HypnosError('library-invalid', { file: path, path: '', reason: 'SHA-256 differs' });
        return parseCards(parseJson(bytes, path), path).filter(hasSteps);
      }),
  );
  return { index, cards: cards.flat() };
}

const hasSteps = (card: LibraryCard): card is CrisisCard =>
  card.kind === 'crisis' && (card.steps?.length ?? 0) > 0;

function parseJson(bytes: ArrayBuffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new HypnosError('library-invalid', { file, path: '', reason: 'not JSON' }, { cause: error });
  }
}
