import type { SettingsState } from '../../state/types.ts';

export interface KeyFacts {
  readonly key: string;
  readonly keyCode: number;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
}

/** A key press that belongs to an input method: choosing a candidate with Enter sends nothing. */
export const isComposing = (event: Pick<KeyFacts, 'isComposing' | 'keyCode'>): boolean =>
  // Safari ends the composition before this keydown and leaves only the code 229 to tell.
  event.isComposing || event.keyCode === 229;

/** Whether the key press sends, by the user's setting; Ctrl/⌘+Enter always does. */
export function isSend(event: KeyFacts, sendKey: SettingsState['sendKey']): boolean {
  if (event.key !== 'Enter' || isComposing(event) || event.altKey) return false;
  if (event.ctrlKey || event.metaKey) return true;
  return sendKey === 'enter' && !event.shiftKey;
}

export const keyFacts = (event: React.KeyboardEvent): KeyFacts => ({
  key: event.key,
  keyCode: event.nativeEvent.keyCode,
  shiftKey: event.shiftKey,
  ctrlKey: event.ctrlKey,
  metaKey: event.metaKey,
  altKey: event.altKey,
  isComposing: event.nativeEvent.isComposing,
});
