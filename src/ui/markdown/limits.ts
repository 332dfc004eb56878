/** Characters of an answer that are drawn before the reader asks for the rest. */
export const MAX_DRAWN = 30_000;
/** Characters of one block that are read as Markdown; parsing is not linear in hostile ones. */
export const MAX_BLOCK = 8_000;
