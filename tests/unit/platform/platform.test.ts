import { describe, expect, test } from 'vitest';
import { reportStorage, requestPersistence } from '../../../src/platform/storage.ts';
import { describeAdapter, reportDevice } from '../../../src/platform/webgpu.ts';

class Limits {
  get maxBufferSize() {
    return 1024;
  }
}
Object.defineProperty(Limits.prototype, 'maxBufferSize', { enumerable: true });
const adapter = (info: object, change: object = {}) =>
  ({
    info,
    features: new Set(['subgroups', 'shader-f16']),
    limits: new Limits(),
    ...change,
  }) as unknown as GPUAdapter;

describe('the adapter', () => {
  test('is told by its info, features and limits', () => {
    expect(describeAdapter(adapter({ vendor: 'nvidia', architecture: 'ada' }))).toEqual({
      vendor: 'nvidia',
      architecture: 'ada',
      description: '',
      isFallback: false,
      features: ['shader-f16', 'subgroups'],
      limits: { maxBufferSize: 1024 },
    });
  });

  test.each([
    adapter({ vendor: 'google', architecture: 'swiftshader' }),
    adapter({ description: 'Microsoft Basic Render Driver' }),
    adapter({ description: 'llvmpipe (LLVM 19, 256 bits)' }),
    adapter({ isFallbackAdapter: true }),
    adapter({}, { isFallbackAdapter: true }),
  ])('is known as software wherever the browser says so: %#', (software) => {
    expect(describeAdapter(software).isFallback).toBe(true);
  });
});

describe('the device report', () => {
  const scope = (gpu?: object) => ({
    isSecureContext: true,
    navigator: { userAgent: 'UA', hardwareConcurrency: 8, ...(gpu ? { gpu: gpu as GPU } : {}) },
  });

  test('never throws', async () => {
    await expect(reportDevice(scope())).resolves.toEqual({
      userAgent: 'UA',
      hasWebGpu: false,
      isSecureContext: true,
      adapter: null,
      hardwareConcurrency: 8,
      deviceMemoryGiB: null,
    });
    const broken = { requestAdapter: () => Promise.reject(new Error('driver')) };
    await expect(reportDevice(scope(broken))).resolves.toMatchObject({ hasWebGpu: true, adapter: null });
    const none = { requestAdapter: () => Promise.resolve(null) };
    await expect(reportDevice(scope(none))).resolves.toMatchObject({ hasWebGpu: true, adapter: null });
  });
});

describe('storage', () => {
  test('reports what the browser tells, and null for the rest', async () => {
    const storage = {
      persisted: () => Promise.resolve(true),
      persist: () => Promise.resolve(true),
      estimate: () => Promise.resolve({ usage: 5, quota: 10 }),
    };
    await expect(reportStorage(storage)).resolves.toEqual({ persisted: true, usageBytes: 5, quotaBytes: 10 });
    await expect(requestPersistence(storage)).resolves.toBe(true);
    const broken = {
      persisted: () => Promise.reject(new Error('blocked')),
      persist: () => Promise.reject(new Error('blocked')),
      estimate: () => Promise.reject(new Error('blocked')),
    };
    await expect(reportStorage(broken)).resolves.toEqual({
      persisted: null,
      usageBytes: null,
      quotaBytes: null,
    });
    await expect(requestPersistence(broken)).resolves.toBeNull();
  });
});
