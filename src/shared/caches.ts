/** Cache Storage names shared by the page and the service worker. Renaming one orphans what it holds. */
export const PACKAGE_CACHE = 'hypnos-packages-v1';
