/** What a command is to the screens: a name, a group and its keys. src/app/commands.ts says what each does. */
import type { Translation } from '../../i18n/index.ts';
import type { SettingsState } from '../../state/types.ts';

export type CommandId = keyof Translation['shortcuts']['commands'];
export type CommandGroup = keyof Translation['shortcuts']['groups'];

export interface CommandEntry {
  readonly id: CommandId;
  readonly group: CommandGroup;
  /** As src/ui/shortcuts/keys.ts reads them; several ways are listed in order of preference. */
  readonly keys: readonly string[];
}

/** The composer's keys by the user's setting, the first of each the shortest to say; src/ui/chat/sendKey.ts reads them. */
export function composerKeys(
  sendKey: SettingsState['sendKey'],
): Record<'send' | 'newLine', readonly [string, ...string[]]> {
  return sendKey === 'enter'
    ? { send: ['enter', 'mod+enter'], newLine: ['shift+enter'] }
    : { send: ['mod+enter'], newLine: ['enter', 'shift+enter'] };
}
