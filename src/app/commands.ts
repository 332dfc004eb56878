/**
 * Every command that has a key: what it does, and when. The shortcut sheet lists the same table, so that what is
 * written there is what happens. What the composer and the lists do with keys of their own is listed without an action.
 */
import { navigate } from 'wouter/use-hash-location';
import type { Message } from '../shared/types.ts';
import type { Stores } from '../state/types.ts';
import { LIBRARY_SEARCH_ID } from '../ui/library/ids.ts';
import { SEARCH_INPUT_ID } from '../ui/search/SearchBox.tsx';
import type { ShellStore } from '../ui/shell.ts';
import type { CommandEntry } from '../ui/shortcuts/commands.ts';
import { isTextTarget, matchesKeys } from '../ui/shortcuts/keys.ts';

export interface CommandContext {
  readonly stores: Stores;
  readonly shell: ShellStore;
}

export interface Command extends CommandEntry {
  /** Returns false where there is nothing to do, and the key goes on to the browser. */
  readonly run?: (context: CommandContext) => unknown;
  /** Also while the caret is in a text. Needs a modifier or it would eat characters. */
  readonly inText?: boolean;
  /** Also over a dialog, and in an input method's composition. */
  readonly always?: boolean;
}

export const NARROW = '(max-width: 900px)';

export const COMMANDS: readonly Command[] = [
  { id: 'newConversation', group: 'conversation', keys: ['mod+alt+n'], inText: true, run: newConversation },
  { id: 'search', group: 'conversation', keys: ['mod+alt+f'], inText: true, run: search },
  {
    id: 'previousConversation',
    group: 'conversation',
    keys: ['alt+arrowup'],
    inText: true,
    run: (context) => openNeighbour(context, -1),
  },
  {
    id: 'nextConversation',
    group: 'conversation',
    keys: ['alt+arrowdown'],
    inText: true,
    run: (context) => openNeighbour(context, 1),
  },
  { id: 'rename', group: 'conversation', keys: ['f2'], inText: true, run: rename },
  { id: 'pin', group: 'conversation', keys: ['mod+alt+p'], inText: true, run: togglePin },
  { id: 'delete', group: 'conversation', keys: ['mod+alt+backspace'], inText: true, run: remove },
  { id: 'moveInList', group: 'conversation', keys: ['arrowup', 'arrowdown'] },
  { id: 'deleteInList', group: 'conversation', keys: ['delete'] },

  { id: 'focusComposer', group: 'answer', keys: ['i'], run: focusComposer },
  { id: 'send', group: 'answer', keys: [] },
  { id: 'newLine', group: 'answer', keys: [] },
  { id: 'stop', group: 'answer', keys: ['escape'], inText: true, run: stop },
  { id: 'regenerate', group: 'answer', keys: ['mod+alt+r'], inText: true, run: regenerate },

  { id: 'crisis', group: 'view', keys: ['mod+k'], inText: true, always: true, run: openCrisis },
  { id: 'library', group: 'view', keys: ['/'], run: searchLibrary },
  {
    id: 'models',
    group: 'view',
    keys: ['mod+alt+m'],
    inText: true,
    run: () => {
      navigate('/models');
    },
  },
  {
    id: 'settings',
    group: 'view',
    keys: ['mod+alt+s'],
    inText: true,
    run: () => {
      navigate('/settings');
    },
  },
  { id: 'sidebar', group: 'view', keys: ['mod+alt+b'], inText: true, run: toggleSidebar },
  { id: 'theme', group: 'view', keys: ['mod+alt+l'], inText: true, run: toggleTheme },
  {
    id: 'shortcuts',
    group: 'view',
    keys: ['?'],
    run: ({ shell }) => {
      shell.getState().setShortcutsOpen(true);
    },
  },
];

/** Listens for every command's keys until the returned function is called. */
export function listenForCommands(context: CommandContext): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    // A key in an input method's composition, or one that a dialog, menu or field has used, is no command.
    const command = COMMANDS.find(({ keys }) => keys.some((combination) => matchesKeys(event, combination)));
    if (!command?.run || event.repeat) return;
    if (!command.always && (event.defaultPrevented || event.isComposing || isSomethingOpen())) return;
    if (!command.inText && isTextTarget(event.target)) return;
    if (command.run(context) !== false) event.preventDefault();
  };
  addEventListener('keydown', onKeyDown);
  return () => {
    removeEventListener('keydown', onKeyDown);
  };
}

const isSomethingOpen = () =>
  document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"]') !== null;

/** Needs no model and no network. What lies over the page goes with the screen it belongs to. */
function openCrisis({ shell }: CommandContext) {
  shell.getState().setDrawerOpen(false);
  shell.getState().setShortcutsOpen(false);
  navigate('/crisis');
}

function newConversation({ shell }: CommandContext) {
  navigate('/');
  shell.getState().setDrawerOpen(false);
  focusSoon(findComposer);
}

function search({ shell }: CommandContext) {
  showSidebar(shell);
  const box = () => document.getElementById(SEARCH_INPUT_ID);
  if (box()) box()?.focus();
  else focusSoon(box);
}

/** Works with no model and no network. The screen is a chunk of its own: its box takes the focus when it is there. */
function searchLibrary({ shell }: CommandContext) {
  shell.getState().setDrawerOpen(false);
  const box = document.getElementById(LIBRARY_SEARCH_ID);
  if (box) box.focus();
  else navigate('/library');
}

function focusComposer() {
  const composer = findComposer();
  if (!composer) return false;
  composer.focus();
}

/** The last text box of the screen; one above it edits an earlier question. */
function findComposer(): HTMLElement | null {
  return [...document.querySelectorAll<HTMLElement>('#main form textarea')].at(-1) ?? null;
}

/** After the next screen has been drawn. */
function focusSoon(find: () => HTMLElement | null) {
  requestAnimationFrame(() => {
    requestAnimationFrame(() => {
      find()?.focus();
    });
  });
}

function openNeighbour({ stores }: CommandContext, step: 1 | -1) {
  const { conversations } = stores.history.getState();
  const current = currentId(stores);
  const at = conversations.findIndex(({ id }) => id === current);
  const next = at === -1 ? conversations[0] : conversations[at + step];
  if (!next) return false;
  navigate(`/c/${next.id}`);
}

/** Only commands on the conversation that is on screen: nobody deletes what they do not see. */
function currentId(stores: Stores): string | null {
  return location.hash.startsWith('#/c/') ? stores.chat.getState().conversationId : null;
}

function rename({ stores, shell }: CommandContext) {
  const id = currentId(stores);
  if (!id) return false;
  showSidebar(shell);
  shell.getState().setRenaming(id);
}

function togglePin({ stores }: CommandContext) {
  const id = currentId(stores);
  const conversation = stores.history.getState().conversations.find((candidate) => candidate.id === id);
  if (!conversation) return false;
  void stores.history.getState().setPinned(conversation.id, !conversation.pinned);
}

function remove({ stores }: CommandContext) {
  const id = currentId(stores);
  if (!id) return false;
  void stores.history.getState().remove(id);
}

function stop({ stores }: CommandContext) {
  const { answering, stop: stopAnswer } = stores.chat.getState();
  if (!answering) return false;
  stopAnswer();
}

function regenerate({ stores }: CommandContext) {
  const { thread, answering, regenerate: again } = stores.chat.getState();
  const last: Message | undefined = thread.at(-1)?.message;
  if (answering || last?.role !== 'assistant' || !currentId(stores)) return false;
  void again(last.id);
}

function showSidebar(shell: ShellStore) {
  if (matchMedia(NARROW).matches) shell.getState().setDrawerOpen(true);
  else shell.getState().setSidebarFolded(false);
}

function toggleSidebar({ shell }: CommandContext) {
  const { drawerOpen, sidebarFolded, setDrawerOpen, setSidebarFolded } = shell.getState();
  if (matchMedia(NARROW).matches) setDrawerOpen(!drawerOpen);
  else setSidebarFolded(!sidebarFolded);
}

function toggleTheme({ stores }: CommandContext) {
  const isDark = document.documentElement.dataset.theme === 'dark';
  stores.settings.getState().update({ theme: isDark ? 'light' : 'dark' });
}
