/** A folder as mlc_llm writes it: what is taken of it, and the manifest that is made. */
import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { parseManifest } from '../../../src/packages/manifest.ts';
import { makeManifest, plainFiles } from '../../../src/packages/worker/plain.ts';

const DEMO = new URL('../../../public/models/hypnos-demo/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, DEMO), 'utf8');
const config = read('mlc-chat-config.json');
const tensorCache = read('tensor-cache.json');
const shipped = parseManifest(read('hypnos-package.json'));
const sizes = new Map(shipped.files.map(({ path, bytes }) => [path, bytes]));

describe('plainFiles', () => {
  test('takes what the engine needs and leaves the rest', () => {
    expect(plainFiles(new Map([...sizes, ['README.md', 5]]), tensorCache)).toEqual([
      'mlc-chat-config.json',
      'tensor-cache.json',
      'tokenizer.json',
      'hypnos-demo-gpu.wasm',
      'hypnos-demo-software.wasm',
      'params_shard_0.bin',
    ]);
  });
  test.each(['tokenizer.json', 'params_shard_0.bin'])('names the missing %s', (missing) => {
    const rest = new Map([...sizes].filter(([path]) => path !== missing));
    expect(() => plainFiles(rest, tensorCache)).toThrow(`package-file-missing {"file":"${missing}"}`);
  });
});

describe('makeManifest', () => {
  test('counts the weights as the packager does, and claims nothing', () => {
    const manifest = parseManifest(makeManifest('某个 Model!', config, tensorCache, shipped.files));
    expect(manifest).toMatchObject({
      id: 'model-',
      quantization: shipped.quantization,
      context_window_size: shipped.context_window_size,
      clinical: { reviewed: false },
      evaluation: null,
    });
    expect(manifest.parameters).toBe(shipped.parameters);
  });
  test('refuses an architecture that the engine does not know', () => {
    const other = config.replace('"qwen2"', '"rwkv7"');
    expect(() => makeManifest('m', other, tensorCache, shipped.files)).toThrow('package-unsupported');
  });
});
