import type { DeviceReport, EngineState } from '../../state/types.ts';

/** Limits that decide whether a model fits, most telling first. */
export const TELLING_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/**
 * The report as plain text for whoever supplied the model. It holds what the browser tells every page about the
 * device, and nothing of conversations.
 */
export function formatReport(
  device: DeviceReport | null,
  engine: EngineState,
  version: string,
  date: Date,
): string {
  const adapter = device?.adapter;
  const lines = [
    `Hypnos ${version} · ${date.toISOString()}`,
    `Browser: ${device?.userAgent ?? 'unknown'}`,
    `Secure context: ${device?.isSecureContext ?? 'unknown'} · WebGPU: ${device?.hasWebGpu ?? 'unknown'}`,
    `Processors: ${device?.hardwareConcurrency ?? 'unknown'} · Memory (rounded by the browser): ${device?.deviceMemoryGiB ?? '?'} GiB`,
    adapter
      ? `Adapter: ${[adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ') || 'unnamed'}${adapter.isFallback ? ' (software)' : ''}`
      : 'Adapter: none',
  ];
  if (adapter) {
    lines.push(`Features: ${adapter.features.toSorted().join(', ') || 'none'}`);
    for (const name of TELLING_LIMITS) lines.push(`${name}: ${adapter.limits[name] ?? 'unknown'}`);
  }
  lines.push(`Engine: ${engine.phase}`);
  if (engine.phase === 'failed')
    lines.push(`Error: ${engine.error.code} ${JSON.stringify(engine.error.detail)}`);
  return `${lines.join('\n')}\n`;
}
