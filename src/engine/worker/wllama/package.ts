/**
 * A package as llama.cpp takes it in, read through a PackageReader: nothing unverified is looked at.
 *
 *   mlc-chat-config.json, tokenizer.json, tensor-cache.json -> template, tokenizer, plan
 *   shard, shard, ... -> pieces of GGUF -> Blobs: the browser keeps those outside this worker's memory
 */
import { REQUIRED_FILES } from '../../../packages/manifest.ts';
import type { PackageReader, ReadOptions } from '../../../packages/reader.ts';
import { listShards } from '../artifacts.ts';
import { parseJson } from '../errors.ts';
import { metadataOf, readHyperparameters, tokenName } from '../gguf/plan.ts';
import type { Hyperparameters } from '../gguf/plan.ts';
import { planTranscoding } from '../gguf/transcode.ts';
import type { Piece, TensorShard } from '../gguf/transcode.ts';
import { readTemplate } from '../prompt.ts';
import type { ChatTemplate } from '../prompt.ts';
import { readTokenizer } from '../tokenizer.ts';
import type { Tokenizer } from '../tokenizer.ts';

export interface OpenPackage {
  readonly model: Hyperparameters;
  readonly template: ChatTemplate;
  readonly tokenizer: Tokenizer;
  /** A token as llama.cpp knows it. */
  readonly tokenName: (id: number) => string;
  /** Tokens. */
  readonly contextWindowSize: number;
  /** Bytes of the shards. */
  readonly weightBytes: number;
  /**
   * Reads and transcodes the weights: GGUF files.
   * @param onPiece gets a copy of what lies behind each file's header, in order; it may take its time
   * @throws HypnosError of the reader, or 'package-unsupported'
   */
  weights(options: ReadOptions, onPiece?: (piece: Piece) => Promise<void>): Promise<readonly Blob[]>;
  /** GGUF files of what `onPiece` was given. */
  withHeaders(files: readonly Blob[]): readonly Blob[];
}

/** Bytes of the files that `openPackage` reads. */
export const openingBytes = (reader: PackageReader): number =>
  REQUIRED_FILES.reduce((sum, name) => sum + reader.file(name).bytes, 0);

/**
 * @param contextWindowSize tokens wished for; at most the package's own
 * @param fileBytesMax as planTranscoding's
 * @throws HypnosError of the reader; 'package-unsupported' where llama.cpp has no place for something
 */
export async function openPackage(
  reader: PackageReader,
  contextWindowSize: number,
  options: ReadOptions,
  fileBytesMax?: number,
): Promise<OpenPackage> {
  const small = new Map(
    await Promise.all(REQUIRED_FILES.map(async (name) => [name, await reader.read(name, options)] as const)),
  );
  const config = parseJson(small, 'mlc-chat-config.json');
  const tensorCache = parseJson(small, 'tensor-cache.json');
  const shards = listShards(tensorCache, reader);
  const template = readTemplate(config);
  const model = readHyperparameters(config);
  const tokenizer = readTokenizer(parseJson(small, 'tokenizer.json'));
  const window = Math.min(contextWindowSize, reader.manifest.context_window_size);
  const transcoding = planTranscoding(
    (tensorCache as { records: readonly TensorShard[] }).records,
    model,
    metadataOf(model, window, template.stopTokens[0] ?? 0, (id) => tokenizer.bytes(id)),
    fileBytesMax,
  );
  return {
    model,
    template,
    tokenizer,
    tokenName: (id) => tokenName(id, tokenizer.bytes(id)),
    contextWindowSize: window,
    weightBytes: shards.reduce((sum, shard) => sum + shard.bytes, 0),
    weights: async (readOptions, onPiece) => {
      const files = transcoding.headers.map((header) => [new Blob([header])]);
      for await (const piece of transcoding.pieces((path) => reader.read(path, readOptions))) {
        files[piece.file]?.push(new Blob([piece.bytes]));
        await onPiece?.(piece);
      }
      return files.map((pieces) => new Blob(pieces));
    },
    withHeaders: (files) => transcoding.headers.map((header, file) => new Blob([header, files[file] ?? ''])),
  };
}
