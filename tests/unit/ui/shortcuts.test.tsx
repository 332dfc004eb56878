// @vitest-environment jsdom
import { cleanup, render, screen, within } from '@testing-library/react';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createStore } from 'zustand/vanilla';
import { COMMANDS } from '../../../src/app/commands.ts';
import { startI18n } from '../../../src/i18n/index.ts';
import { StoresContext } from '../../../src/state/hooks.ts';
import type { SettingsState, Stores } from '../../../src/state/types.ts';
import { isSend } from '../../../src/ui/chat/sendKey.ts';
import { ShellContext } from '../../../src/ui/shell.ts';
import type { ShellStore } from '../../../src/ui/shell.ts';
import { ShortcutSheet } from '../../../src/ui/shortcuts/ShortcutSheet.tsx';
import { composerKeys } from '../../../src/ui/shortcuts/commands.ts';

beforeAll(() => startI18n('zh-CN'));
afterEach(cleanup);

function keysOf(label: string, sendKey: SettingsState['sendKey']): (string | null)[] {
  const stores = { settings: createStore(() => ({ sendKey })) };
  const shell = createStore(() => ({ shortcutsOpen: true, setShortcutsOpen: () => {} }));
  render(
    <StoresContext value={stores as unknown as Stores}>
      <ShellContext value={shell as unknown as ShellStore}>
        <ShortcutSheet commands={COMMANDS} />
      </ShellContext>
    </StoresContext>,
  );
  const line = screen.getByText(label, { selector: 'dt' }).parentElement!;
  return [...within(line).getByRole('definition').querySelectorAll('kbd')].map((key) => key.textContent);
}

describe('the shortcut sheet', () => {
  test.each([
    ['enter', ['Enter', 'Ctrl Enter'], ['Shift Enter']],
    ['ctrl-enter', ['Ctrl Enter'], ['Enter', 'Shift Enter']],
  ] as const)('says what sends and what breaks a line when the setting is %s', (sendKey, send, newLine) => {
    expect(keysOf('发送', sendKey)).toEqual(send);
    cleanup();
    expect(keysOf('换行', sendKey)).toEqual(newLine);
    // As the composer takes them.
    const press = (keys: string) => ({
      key: 'Enter',
      keyCode: 13,
      shiftKey: keys.includes('shift'),
      ctrlKey: keys.includes('mod'),
      metaKey: false,
      altKey: false,
      isComposing: false,
    });
    const keys = composerKeys(sendKey);
    expect(keys.send.map((combination) => isSend(press(combination), sendKey))).not.toContain(false);
    expect(keys.newLine.map((combination) => isSend(press(combination), sendKey))).not.toContain(true);
  });

  test('lists what the conversation list does with keys of its own', () => {
    expect(keysOf('删除列表里选中的对话（可撤销）', 'enter')).toEqual(['Delete']);
  });
});
