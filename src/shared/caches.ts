/** Cache Storage names shared by the page and the service worker. Renaming one orphans what it holds. */
export const PACKAGE_CACHE = 'hypnos-packages-v1';
/** The CPU engine's WebAssembly, by choice: kept by the service worker alone, which knows its name. */
export const CPU_ENGINE_CACHE = 'hypnos-cpu-engine-v1';
