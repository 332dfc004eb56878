/**
 * The library served with the page: index, then every file, each checked by hash before it is read.
 *
 *   public/library/index.json --> files --SHA-256--> JSON --> cards by id
 *
 * Nothing of it needs a model or, once the service worker keeps it, a network.
 */
import { sha256Hex } from '../platform/sha256.ts';
import { HypnosError } from '../shared/errors.ts';
import { parseCards, parseIndex } from './cards.ts';
import type { CardKind, LibraryCard, LibraryIndex } from './cards.ts';

export interface Library {
  readonly index: LibraryIndex;
  /** In the order of the files. */
  readonly cards: ReadonlyMap<string, LibraryCard>;
}

export interface LibraryPorts {
  /** Absolute URL of the folder, ends in '/'. */
  readonly baseUrl: string;
  readonly fetch: (url: string) => Promise<Response>;
}

/** @throws HypnosError 'library-unavailable' (file), 'library-invalid' (file, path, reason) */
export async function readLibrary(ports: LibraryPorts): Promise<Library> {
  const { index, files } = await readCardFiles(ports);
  const cards = new Map<string, LibraryCard>();
  for (const card of files.flat()) {
    if (cards.has(card.id))
      throw new HypnosError('library-invalid', { file: card.id, path: 'id', reason: 'duplicate id' });
    cards.set(card.id, card);
  }
  return { index, cards };
}

/**
 * The index, and the cards of each file of it that is wanted; the others are not touched.
 * @param kind absent: every file
 * @throws HypnosError as readLibrary
 */
export async function readCardFiles(
  { baseUrl, fetch }: LibraryPorts,
  kind?: CardKind,
): Promise<{ readonly index: LibraryIndex; readonly files: readonly (readonly LibraryCard[])[] }> {
  const read = async (file: string): Promise<ArrayBuffer> => {
    let response: Response;
    try {
      response = await fetch(new URL(file, baseUrl).href);
    } catch (error) {
      throw new HypnosError('library-unavailable', { file }, { cause: error });
    }
    if (!response.ok) throw new HypnosError('library-unavailable', { file, status: response.status });
    return response.arrayBuffer();
  };
  const index = parseIndex(parseJson(await read('index.json'), 'index.json'));
  const wanted = index.files.filter((file) => kind === undefined || file.kind === kind);
  const files = await Promise.all(
    wanted.map(async ({ path, sha256 }) => {
      const bytes = await read(path);
      if ((await sha256Hex(bytes)) !== sha256)
        throw new HypnosError('library-invalid', { file: path, path: '', reason: 'SHA-256 differs' });
      return parseCards(parseJson(bytes, path), path);
    }),
  );
  return { index, files };
}

function parseJson(bytes: ArrayBuffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new HypnosError('library-invalid', { file, path: '', reason: 'not JSON' }, { cause: error });
  }
}
