import type { DeviceReport, EngineState } from '../../state/types.ts';

/** Why the GPU engine cannot run here; null where it can, or nobody knows yet. The CPU engine may run all the same. */
export type DeviceProblem = 'insecure' | 'no-webgpu' | 'no-adapter' | 'too-weak' | 'no-f16';

/** Why no model can run here at all. Models run on the processor where there is no GPU, but on secure pages only. */
export function findObstacle(device: DeviceReport | null, engine: EngineState): DeviceProblem | null {
  if (device && !device.isSecureContext) return 'insecure';
  return engine.phase === 'failed' ? findDeviceProblem(null, engine) : null;
}

export function findDeviceProblem(device: DeviceReport | null, engine: EngineState): DeviceProblem | null {
  if (device && !device.isSecureContext) return 'insecure'; // first: browsers hide WebGPU there
  if (device && !device.hasWebGpu) return 'no-webgpu';
  if (device && !device.adapter) return 'no-adapter';
  if (engine.phase !== 'failed') return null;
  switch (engine.error.code) {
    case 'webgpu-unavailable':
      return 'no-adapter';
    case 'webgpu-too-weak':
      return 'too-weak';
    case 'shader-f16-missing':
      return 'no-f16';
    default:
      return null;
  }
}

export type BrowserName = 'chrome' | 'edge' | 'firefox' | 'safari' | 'other';

/** The part of `navigator` that tells; only browsers on Chromium have `userAgentData`. */
export interface UserAgent {
  readonly userAgent: string;
  readonly userAgentData?: { readonly brands: readonly { readonly brand: string }[] };
}

/** 'chrome': whatever is made of Chromium and is not Edge; its settings are at the same addresses. */
export function browserOf({ userAgent, userAgentData }: UserAgent): BrowserName {
  const brands = userAgentData?.brands.map(({ brand }) => brand) ?? [];
  if (brands.includes('Microsoft Edge')) return 'edge';
  if (brands.some((brand) => /^(?:Chromium|Google Chrome|HeadlessChrome)$/.test(brand))) return 'chrome';
  if (/\bEdg(?:e|A|iOS)?\//.test(userAgent)) return 'edge';
  if (/\b(?:Firefox|FxiOS)\//.test(userAgent)) return 'firefox';
  if (/\b(?:(?:Headless)?Chrome|Chromium|CriOS)\//.test(userAgent)) return 'chrome';
  return /\bSafari\//.test(userAgent) ? 'safari' : 'other';
}

export const isLinux = (userAgent: string): boolean => /Linux/.test(userAgent) && !/Android/.test(userAgent);
