/** The element of an answer's source: what a citation in its text leads to. */
export const sourceElementId = (messageId: string, number: number): string => `source-${messageId}-${number}`;
