/** An answer as it leaves the page: always with its AI label and the model that wrote it. */
import type { Message } from '../../shared/types.ts';
import { neutralise } from '../markdown/neutralise.ts';

export type CopyFormat = 'text' | 'markdown';

/** @param attribution the label line, in the reader's language */
export async function answerCopy(
  message: Pick<Message, 'text'>,
  format: CopyFormat,
  attribution: string,
): Promise<string> {
  const text =
    format === 'markdown'
      ? neutralise(message.text)
      : (await import('../markdown/plainText.ts')).toPlainText(message.text);
  return `${text.trim()}\n\n${attribution}\n`;
}
