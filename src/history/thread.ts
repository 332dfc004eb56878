/**
 * Branches of a conversation: pure functions over its messages.
 * A message's parent is the one it follows; messages with the same parent are siblings (branches). A branch is named
 * by its last message, the leaf.
 */
import type { Message, MessageId } from '../shared/types.ts';

/** A conversation's messages by id and by parent; children and roots (parent null) in order of creation. */
export interface MessageTree {
  readonly byId: ReadonlyMap<MessageId, Message>;
  readonly children: ReadonlyMap<MessageId | null, readonly Message[]>;
}

const byCreation = (a: Message, b: Message) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);

export function growTree(messages: readonly Message[]): MessageTree {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = new Map<MessageId | null, Message[]>();
  for (const message of messages) {
    // A message whose parent is gone is shown as a root rather than lost.
    const parent = message.parentId !== null && byId.has(message.parentId) ? message.parentId : null;
    const siblings = children.get(parent);
    if (siblings) siblings.push(message);
    else children.set(parent, [message]);
  }
  for (const siblings of children.values()) siblings.sort(byCreation);
  return { byId, children };
}

/** From the root down to that message; empty if there is no such message. */
export function pathTo(tree: MessageTree, id: MessageId | null): readonly Message[] {
  const path: Message[] = [];
  const seen = new Set<MessageId>();
  let message = id === null ? undefined : tree.byId.get(id);
  while (message && !seen.has(message.id)) {
    seen.add(message.id);
    path.push(message);
    message = message.parentId === null ? undefined : tree.byId.get(message.parentId);
  }
  return path.reverse();
}

/** The most recently created leaf below that message (itself if it has no children); null: of the whole tree. */
export function latestLeaf(tree: MessageTree, id: MessageId | null): MessageId | null {
  let latest: Message | null = null;
  const start = id === null ? undefined : tree.byId.get(id);
  if (id !== null && !start) return null;
  const pending = start ? [start] : [...(tree.children.get(null) ?? [])];
  for (let message = pending.pop(); message; message = pending.pop()) {
    const below = tree.children.get(message.id);
    if (below) pending.push(...below);
    else if (!latest || byCreation(latest, message) < 0) latest = message;
  }
  return latest?.id ?? null;
}

/** Messages with the same parent, in order of creation, the message itself among them. */
export function siblingsOf(tree: MessageTree, message: Message): readonly Message[] {
  const parent = message.parentId !== null && tree.byId.has(message.parentId) ? message.parentId : null;
  return tree.children.get(parent) ?? [];
}

export interface ThreadNode {
  readonly message: Message;
  readonly siblings: readonly MessageId[];
}

/** The branch that ends in the leaf; a leaf that is null or gone: the most recent branch. */
export function threadOf(tree: MessageTree, leafId: MessageId | null): readonly ThreadNode[] {
  const known = leafId !== null && tree.byId.has(leafId) ? leafId : latestLeaf(tree, null);
  return pathTo(tree, known).map((message) => ({
    message,
    siblings: siblingsOf(tree, message).map((sibling) => sibling.id),
  }));
}

const TITLE_LENGTH = 30;

/** A conversation's name: the question's first line that says something, without Markdown marks, cut to length. */
export function titleFrom(question: string): string {
  const line =
    question
      .split(/[\r\n]+/u)
      .map((text) =>
        text
          .replace(/^[\s#>*+-]+/u, '')
          .replace(/[`*_]{1,3}/gu, '')
          .replace(/\s+/gu, ' ')
          .trim(),
      )
      .find((text) => text !== '') ?? question.trim().replace(/\s+/gu, ' ');
  const characters = [...new Intl.Segmenter('zh', { granularity: 'grapheme' }).segment(line.slice(0, 400))];
  if (characters.length <= TITLE_LENGTH) return characters.map(({ segment }) => segment).join('');
  return `${characters
    .slice(0, TITLE_LENGTH - 1)
    .map(({ segment }) => segment)
    .join('')
    .trimEnd()}…`;
}
