/**
 * `hypnos-package.sig` beside the manifest: an Ed25519 signature (RFC 8032) of hypnos-package.json's exact bytes, which name
 * every other byte by hash. `python -m hypnos_convert sign` makes it.
 *
 * Which keys a hospital trusts is the hospital's to say: models/trusted-keys.json on the server that serves the page.
 */
import { HypnosError } from '../shared/errors.ts';
import type { SignatureState } from './installed.ts';

export const SIGNATURE_FILE = 'hypnos-package.sig';
export const TRUSTED_KEYS_FILE = 'trusted-keys.json';
/** A signature file has about 300 bytes. */
export const SIGNATURE_BYTES_MAX = 4096;

export interface TrustedKeys {
  /** Base64 of the 32 bytes. */
  readonly keys: readonly { readonly name: string; readonly publicKey: string }[];
  /** Packages without a signature by one of the keys are refused. */
  readonly required: boolean;
}

export const NO_TRUSTED_KEYS: TrustedKeys = { keys: [], required: false };

/** @throws HypnosError 'package-signature-invalid' with `file`, `reason` */
export function parseTrustedKeys(text: string): TrustedKeys {
  const value = toRecord(text, TRUSTED_KEYS_FILE);
  const { format, keys, required } = value;
  if (format !== 'hypnos-trusted-keys/1' || !Array.isArray(keys))
    throw invalid(TRUSTED_KEYS_FILE, 'expected {"format": "hypnos-trusted-keys/1", "keys": [...]}');
  return {
    required: required === true,
    keys: keys.map((key: unknown, index) => {
      const { name, public_key: publicKey } = (key ?? {}) as Record<string, unknown>;
      if (typeof name !== 'string' || typeof publicKey !== 'string' || decode(publicKey)?.length !== 32)
        throw invalid(
          TRUSTED_KEYS_FILE,
          `keys/${index}: expected a name and a public_key of 32 bytes, base64`,
        );
      return { name, publicKey };
    }),
  };
}

/**
 * @param signature the text of hypnos-package.sig; null where there is none
 * @throws HypnosError 'package-signature-invalid' for a signature that is wrong, or missing where the hospital requires one
 */
export async function checkSignature(
  manifest: Uint8Array<ArrayBuffer>,
  signature: string | null,
  trusted: TrustedKeys,
): Promise<SignatureState> {
  const state =
    signature === null ? ({ state: 'none' } as const) : await verify(manifest, signature, trusted);
  if (trusted.required && state.state !== 'trusted')
    throw invalid(SIGNATURE_FILE, state.state === 'none' ? 'missing' : 'made with a key that is not trusted');
  return state;
}

async function verify(
  manifest: Uint8Array<ArrayBuffer>,
  text: string,
  trusted: TrustedKeys,
): Promise<SignatureState> {
  const { format, public_key: publicKey, signature } = toRecord(text, SIGNATURE_FILE);
  if (format !== 'hypnos-signature/1' || typeof publicKey !== 'string' || typeof signature !== 'string')
    throw invalid(SIGNATURE_FILE, 'not a hypnos-signature/1');
  const key = decode(publicKey);
  const signed = decode(signature);
  if (key?.length !== 32 || signed?.length !== 64) throw invalid(SIGNATURE_FILE, 'wrong length');
  let isRight: boolean;
  try {
    const imported = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    isRight = await crypto.subtle.verify('Ed25519', imported, signed, manifest);
  } catch (error) {
    throw new HypnosError(
      'package-signature-invalid',
      { file: SIGNATURE_FILE, reason: `this browser cannot check it: ${String(error)}` },
      { cause: error },
    );
  }
  if (!isRight) throw invalid(SIGNATURE_FILE, 'does not belong to this manifest');
  const known = trusted.keys.find((candidate) => candidate.publicKey === publicKey);
  return known ? { state: 'trusted', ...known } : { state: 'unknown-key', publicKey };
}

function toRecord(text: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw invalid(file, 'not a JSON object');
}

function decode(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function invalid(file: string, reason: string): HypnosError {
  return new HypnosError('package-signature-invalid', { file, reason });
}
