/**
 * Every failure the page can tell a user about, as a closed union of codes.
 * Workers and stores pass codes and facts; sentences live in i18n (`errors.<code>`).
 */
export const HYPNOS_ERROR_CODES = [
  // The device
  'webgpu-unavailable', // no navigator.gpu, or no adapter
  'webgpu-too-weak', // an adapter, but below the package's `requires`
  'shader-f16-missing', // the package needs shader-f16 and the adapter lacks it
  'gpu-out-of-memory',
  'gpu-device-lost',
  // The engine
  'engine-crashed', // the worker died
  'engine-unresponsive', // the watchdog gave up on the worker
  'engine-load-failed', // anything else while loading; detail.message
  'model-not-loaded',
  'engine-busy', // a second generate while one runs
  'generation-failed',
  'schema-unsupported', // an answer cannot be held to this JSON Schema; detail.keyword, path
  'message-too-long', // one message alone exceeds the context window
  'cancelled',
  // Packages
  'package-not-found',
  'package-manifest-invalid',
  'package-file-missing',
  'package-file-corrupt', // size or SHA-256 differs
  'package-unsupported', // format or engine version from the future
  'package-file-unexpected', // a file that the manifest does not list
  'package-archive-invalid', // not an uncompressed zip or tar, or one with tricks; detail.reason
  'package-library-forbidden', // a wasm that asks for more than the engine gives
  'package-signature-invalid', // wrong, or missing where the hospital requires one
  'package-source-lost', // the stick was pulled, or the file changed while it was read
  'network-unavailable',
  // Storage and history
  'storage-quota-exceeded',
  'storage-unavailable', // private mode, blocked, broken profile
  'history-newer-version', // another tab or a newer build upgraded the database
  'import-not-json',
  'import-invalid', // schema mismatch; detail.path
  'import-too-large',
  'import-newer-version',
  // The library and imported documents
  'library-unavailable', // the cards cannot be fetched; detail.file
  'library-invalid', // detail.file, path, reason
  'document-unsupported', // no kind of file that can be read; detail.file
  'document-too-large', // detail.file, bytes, limit
  'document-damaged', // detail.file, message
  'document-encrypted', // wants a password; detail.file
  'document-scanned', // pages are pictures: no text in them; detail.file, pages
  'document-empty', // no text; detail.file
  'unknown',
] as const;

export type HypnosErrorCode = (typeof HYPNOS_ERROR_CODES)[number];

/** Facts a sentence may quote: a file name, a byte count, an engine's own message. Never user text. */
export type ErrorDetail = Readonly<Record<string, string | number>>;

/** The form in which an error crosses a worker boundary: comlink drops custom fields of Error. */
export interface CodedError {
  readonly code: HypnosErrorCode;
  readonly detail: ErrorDetail;
}

export class HypnosError extends Error implements CodedError {
  override readonly name = 'HypnosError';
  readonly code: HypnosErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: HypnosErrorCode, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(`${code} ${JSON.stringify(detail)}`, options);
    this.code = code;
    this.detail = detail;
  }

  toCoded(): CodedError {
    return { code: this.code, detail: this.detail };
  }

  static from(error: unknown, fallback: HypnosErrorCode = 'unknown'): HypnosError {
    if (error instanceof HypnosError) return error;
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new HypnosError(fallback, { message }, { cause: error });
  }
}

/** What a call across the worker boundary answers. */
export type Result<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: CodedError };
