/**
 * What a model library may ask of the page: the functions that TVM's runtime gives it, and nothing else. All that the
 * compiled code reaches of the world goes through these, so a library with another import is not one of ours.
 */
import { HypnosError } from '../../shared/errors.ts';

/** Of web-llm 0.2.86's runtime (emscripten's standalone WASI and TVM's callbacks). */
const ALLOWED: ReadonlySet<string> = new Set([
  'env.TVMFFIWasmSafeCall',
  'env.TVMFFIWasmFunctionDeleter',
  'env.emscripten_notify_memory_growth',
  ...[
    'args_get',
    'args_sizes_get',
    'clock_time_get',
    'environ_get',
    'environ_sizes_get',
    'fd_close',
    'fd_read',
    'fd_seek',
    'fd_write',
    'proc_exit',
    'random_get',
  ].map((name) => `wasi_snapshot_preview1.${name}`),
]);

const LIBRARY_BYTES_MAX = 256 * 2 ** 20;

/** @throws HypnosError 'package-library-forbidden' with `file`, `reason` */
export async function checkLibrary(path: string, file: Blob): Promise<void> {
  if (file.size > LIBRARY_BYTES_MAX) throw forbidden(path, 'larger than 256 MiB');
  let module: WebAssembly.Module;
  try {
    // Compiled, never instantiated: nothing of it runs here.
    module = await WebAssembly.compile(await file.arrayBuffer());
  } catch (error) {
    throw forbidden(path, error instanceof Error ? error.message : 'not WebAssembly');
  }
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function' || !ALLOWED.has(`${from}.${name}`))
      throw forbidden(path, `imports the ${kind} ${from}.${name}`);
  }
}

function forbidden(file: string, reason: string): HypnosError {
  return new HypnosError('package-library-forbidden', { file, reason });
}
