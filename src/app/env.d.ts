/** The page's version, from package.json (vite.config.ts). */
declare const __HYPNOS_VERSION__: string;
