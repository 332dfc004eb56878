/** What a device offers, as facts for the engine and for a report the user can copy. Works on pages and workers. */
import type { AdapterReport, DeviceReport } from '../engine/shared/api.ts';

/** Browsers name the software adapters in different places; `isFallbackAdapter` alone misses most of them. */
const SOFTWARE_ADAPTER = /swiftshader|llvmpipe|lavapipe|basic render driver|\bwarp\b/i;

export function describeAdapter(adapter: GPUAdapter): AdapterReport {
  // `info` and its isFallbackAdapter are younger than the adapter's own flag, which newer browsers have dropped.
  const info = adapter.info as Partial<GPUAdapterInfo & { isFallbackAdapter: boolean }> | undefined;
  const { vendor = '', architecture = '', description = '', device = '' } = info ?? {};
  const flagged =
    (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter ?? info?.isFallbackAdapter ?? false;
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    // The limits are getters of the prototype: for-in sees them, Object.entries does not.
    const value = (adapter.limits as unknown as Record<string, unknown>)[name];
    if (typeof value === 'number') limits[name] = value;
  }
  return {
    vendor,
    architecture,
    description: description || device,
    isFallback:
      flagged || [vendor, architecture, description, device].some((text) => SOFTWARE_ADAPTER.test(text)),
    features: [...(adapter.features as ReadonlySet<string>)].sort(),
    limits,
  };
}

/** The adapter the engine would get; null where there is none. */
export async function findAdapter(gpu: GPU | undefined): Promise<GPUAdapter | null> {
  try {
    return (await gpu?.requestAdapter({ powerPreference: 'high-performance' })) ?? null;
  } catch {
    return null;
  }
}

/** What a page's and a worker's global scope have in common here. */
interface Scope {
  readonly navigator: {
    readonly userAgent: string;
    readonly hardwareConcurrency: number;
    readonly deviceMemory?: number;
    readonly gpu?: GPU;
  };
  readonly isSecureContext: boolean;
}

/** Never throws; asks for no device. */
export async function reportDevice({ navigator, isSecureContext }: Scope): Promise<DeviceReport> {
  const { gpu } = navigator;
  const adapter = await findAdapter(gpu);
  return {
    userAgent: navigator.userAgent,
    hasWebGpu: gpu !== undefined,
    isSecureContext,
    adapter: adapter && describeAdapter(adapter),
    hardwareConcurrency: navigator.hardwareConcurrency,
    deviceMemoryGiB: navigator.deviceMemory ?? null,
  };
}
