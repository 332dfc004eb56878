/**
 * Whether the CPU engine's WebAssembly is kept for use without a network: yes, unless the user chose otherwise; and in any
 * case while it is in use. The service worker fetches it (src/sw/sw.ts); without one nothing is kept, and the page says
 * that elsewhere.
 */
import { CPU_ENGINE_CACHE, NO_CPU_ENGINE_CACHE } from '../shared/caches.ts';

/** Bytes of what is kept; null where nothing is. */
export async function keptCpuEngineBytes(): Promise<number | null> {
  if (!(await caches.has(CPU_ENGINE_CACHE))) return null;
  const cache = await caches.open(CPU_ENGINE_CACHE);
  let bytes: number | null = null;
  for (const request of await cache.keys())
    bytes = (bytes ?? 0) + ((await (await cache.match(request))?.blob())?.size ?? 0);
  return bytes;
}

/** Waits for the service worker's start. @returns whether it is kept: false without a network, room or service worker */
export async function keepCpuEngine(): Promise<boolean> {
  const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!container) return false;
  const { active } = await container.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<boolean>((resolve) => {
    port1.onmessage = ({ data }) => {
      resolve(data === true);
    };
  });
  active?.postMessage({ type: 'keep-cpu-engine' }, [port2]);
  return answer.finally(() => {
    port1.close();
  });
}

/** Now, and after updates of the page. */
export async function dropCpuEngine(): Promise<void> {
  await caches.open(NO_CPU_ENGINE_CACHE);
  await caches.delete(CPU_ENGINE_CACHE);
}
