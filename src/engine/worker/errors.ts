/** What web-llm, TVM and WebGPU throw -> HypnosError. web-llm exports few of its classes, but each sets its name. */
import { HypnosError } from '../../shared/errors.ts';
import type { HypnosErrorCode } from '../../shared/errors.ts';

const CODE_BY_NAME: Readonly<Record<string, HypnosErrorCode>> = {
  WebGPUNotAvailableError: 'webgpu-unavailable',
  WebGPUNotFoundError: 'webgpu-unavailable',
  ShaderF16SupportError: 'shader-f16-missing',
  FeatureSupportError: 'webgpu-too-weak',
  DeviceLostError: 'gpu-device-lost',
  ContextWindowSizeExceededError: 'message-too-long',
  ModelNotLoadedError: 'model-not-loaded',
  GPUOutOfMemoryError: 'gpu-out-of-memory',
  QuotaExceededError: 'storage-quota-exceeded',
};

/** @param fallback the code of an error that names no cause of its own */
export function toHypnosError(error: unknown, fallback: HypnosErrorCode): HypnosError {
  if (error instanceof HypnosError) return error;
  // WebGPU's errors do not derive from Error: their class's name is all they have.
  const name = error instanceof Error ? error.name : ((error as object | null)?.constructor.name ?? '');
  const message = messageOf(error);
  return new HypnosError(CODE_BY_NAME[name] ?? fallback, { message }, { cause: error });
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}

/** @throws HypnosError 'package-manifest-invalid' */
export function parseJson(files: ReadonlyMap<string, Uint8Array>, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(files.get(name))) as unknown;
  } catch (error) {
    throw new HypnosError(
      'package-manifest-invalid',
      { file: name, path: '#', reason: String(error) },
      { cause: error },
    );
  }
}
