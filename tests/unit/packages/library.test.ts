import { describe, expect, test } from 'vitest';
import { chooseLibrary } from '../../../src/packages/library.ts';
import type { AdapterOffer } from '../../../src/packages/library.ts';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import full from '../../fixtures/manifests/good/full.json' with { type: 'json' };
import minimal from '../../fixtures/manifests/good/minimal.json' with { type: 'json' };

const three = full as PackageManifest;
const softwareOnly = minimal as PackageManifest;
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
    expect(target(softwareOnly, adapter())).toBe('software');
  });

  test('a software adapter gets the software library, whatever it claims', () => {
    expect(target(three, adapter({ isFallback: true }))).toBe('software');
  });

  test('a software adapter takes a GPU library where there is no other', () => {
    const gpuOnly = { ...three, libraries: three.libraries.filter((library) => library.target === 'gpu') };
    expect(target(gpuOnly, adapter({ isFallback: true }))).toBe('gpu');
  });
});

describe('refusal', () => {
  const gpuOnly = { ...three, libraries: three.libraries.filter((library) => library.target !== 'software') };

  test('names shader-f16 where that alone is missing', () => {
    expect(failure(gpuOnly, adapter({ features: [] }))).toMatchObject({ code: 'shader-f16-missing' });
  });

  test('tells the limit, what is needed and what is offered', () => {
    const small = { ...limits, maxStorageBufferBindingSize: 128 * MIB };
    expect(failure(gpuOnly, adapter({ limits: small }))).toMatchObject({
      code: 'webgpu-too-weak',
      detail: { limit: 'maxStorageBufferBindingSize', needed: 233373696, offered: 128 * MIB },
    });
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
