import { describe, expect, test } from 'vitest';
import { chooseLibrary } from '../../../src/packages/library.ts';
import type { AdapterOffer } from '../../../src/packages/library.ts';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import full from '../../fixtures/manifests/good/full.json' with { type: 'json' };

const three = full as PackageManifest;
const only = (...targets: string[]): PackageManifest => ({
  ...three,
  libraries: three.libraries.filter((library) => targets.includes(library.target)),
});
const MIB = 2 ** 20;
const limits = {
  maxComputeWorkgroupStorageSize: 32768,
  maxStorageBuffersPerShaderStage: 10,
  maxBufferSize: 2048 * MIB,
  maxStorageBufferBindingSize: 1024 * MIB,
};
const adapter = (change: Partial<AdapterOffer> = {}): AdapterOffer => ({
  isFallback: false,
  features: ['shader-f16', 'subgroups', 'timestamp-query'],
  limits,
  ...change,
});
const target = (manifest: PackageManifest, offer: AdapterOffer) => chooseLibrary(manifest, offer).target;
const failure = (manifest: PackageManifest, offer: AdapterOffer) => {
  try {
    chooseLibrary(manifest, offer);
  } catch (error) {
    return error;
  }
  throw new Error('chosen');
};

describe('choice', () => {
  test('a GPU gets the best library that its features allow', () => {
    expect(target(three, adapter())).toBe('gpu-subgroups');
    expect(target(three, adapter({ features: ['shader-f16'] }))).toBe('gpu');
    expect(target(three, adapter({ features: [] }))).toBe('software');
    expect(target(only('software'), adapter())).toBe('software');
  });

  test('a software adapter gets the software library, whatever it claims', () => {
    expect(target(three, adapter({ isFallback: true }))).toBe('software');
  });

  test('a software adapter takes a GPU library where there is no other', () => {
    expect(target(only('gpu'), adapter({ isFallback: true }))).toBe('gpu');
  });
});

describe('refusal', () => {
  const gpuOnly = only('gpu', 'gpu-subgroups');

  test('names shader-f16 where that alone is missing', () => {
    expect(failure(gpuOnly, adapter({ features: [] }))).toMatchObject({ code: 'shader-f16-missing' });
  });

  test('tells the limit, what is needed and what is offered', () => {
    const large = {
      ...three,
      libraries: three.libraries.map((library) => ({
        ...library,
        requires: { ...library.requires, max_buffer_bytes: 600 * MIB },
      })),
    };
    const small = { ...limits, maxStorageBufferBindingSize: 512 * MIB };
    expect(failure(large, adapter({ limits: small }))).toMatchObject({
      code: 'webgpu-too-weak',
      detail: { limit: 'maxStorageBufferBindingSize', needed: 600 * MIB, offered: 512 * MIB },
    });
    expect(target(large, adapter())).toBe('gpu-subgroups');
  });

  test.each(Object.keys(limits) as (keyof typeof limits)[])(
    'checks what the runtime itself needs: %s',
    (limit) => {
      expect(failure(three, adapter({ limits: { ...limits, [limit]: 1 } }))).toMatchObject({
        code: 'webgpu-too-weak',
        detail: { limit, offered: 1 },
      });
    },
  );
});
