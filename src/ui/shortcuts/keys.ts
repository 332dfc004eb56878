/**
 * Key combinations, written `mod+alt+n`: `mod` is ⌘ on a Mac and Ctrl elsewhere; the last part is a letter, a digit,
 * a sign (`/`, `?`) or a key's name (`escape`, `arrowup`, `f2`).
 */
const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '');

const MAC_SIGNS: Record<string, string> = { mod: '⌘', ctrl: '⌃', alt: '⌥', shift: '⇧' };
const NAMES: Record<string, string> = {
  mod: 'Ctrl',
  ctrl: 'Ctrl',
  alt: 'Alt',
  shift: 'Shift',
  escape: 'Esc',
  enter: 'Enter',
  arrowup: '↑',
  arrowdown: '↓',
  backspace: '⌫',
  delete: 'Delete',
};

function parts(keys: string): { readonly modifiers: ReadonlySet<string>; readonly key: string } {
  const names = keys.toLowerCase().split('+');
  const key = names.pop() ?? '';
  return { modifiers: new Set(names), key };
}

/** The combination as keyboards of this device print it. */
export function formatKeys(keys: string, mac: boolean = isMac): string {
  const names = keys
    .toLowerCase()
    .split('+')
    .map((name) => (mac && MAC_SIGNS[name]) || (NAMES[name] ?? name.toUpperCase()));
  return names.join(mac ? '' : ' ');
}

export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Whether the key press is the combination. */
export function matchesKeys(event: KeyPress, keys: string, mac: boolean = isMac): boolean {
  const { modifiers, key } = parts(keys);
  const ctrl = modifiers.has('ctrl') || (modifiers.has('mod') && !mac);
  const meta = modifiers.has('mod') && mac;
  if (event.ctrlKey !== ctrl || event.metaKey !== meta || event.altKey !== modifiers.has('alt')) return false;
  if (/^[a-z]$/.test(key)) {
    // By place, not by character: Option and AltGr turn letters into other signs or dead keys.
    return event.code === `Key${key.toUpperCase()}` && event.shiftKey === modifiers.has('shift');
  }
  // Signs need Shift on some layouts and not on others; Chinese input methods type them full-width.
  const pressed = event.key === '？' ? '?' : event.key === '、' || event.key === '／' ? '/' : event.key;
  if (pressed.toLowerCase() !== key) return false;
  return key.length === 1 || event.shiftKey === modifiers.has('shift');
}

/** Whether typing there means text, so that single keys are no shortcuts. */
export function isTextTarget(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
