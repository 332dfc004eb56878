/** File name -> text of every file of public/library/, built from src/library/source/. */
export function buildLibrary(): Map<string, string>;
