/** Cache Storage names shared by the page and the service worker. Renaming one orphans what it holds. */
export const PACKAGE_CACHE = 'hypnos-packages-v1';
/** The CPU engine's WebAssembly: kept by the service worker alone, which knows its name. Part of the page, not of its data. */
export const CPU_ENGINE_CACHE = 'hypnos-cpu-engine-precache-v1';
/** Empty; that it is there means that the user does not want the CPU engine kept. A service worker can read no settings. */
export const NO_CPU_ENGINE_CACHE = 'hypnos-no-cpu-engine-v1';
