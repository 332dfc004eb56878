/**
 * Turns of a conversation -> token ids, by the conversation template of mlc-chat-config.json.
 * The template is filled by plain concatenation: web-llm fills it with String.replace, which reads `$$` and `$&` in a
 * user's text (LaTeX, prices, shell) as replacement patterns.
 */
import { HypnosError } from '../../shared/errors.ts';
import type { ChatTurn } from '../../shared/types.ts';

export interface ChatTemplate {
  readonly systemPrefixTokens: readonly number[];
  /** Holds `{system_message}`. */
  readonly systemTemplate: string;
  readonly defaultSystemMessage: string;
  readonly roles: { readonly user: string; readonly assistant: string };
  /** Hold `{user_message}`, `{assistant_message}`. */
  readonly roleTemplates: { readonly user: string; readonly assistant: string };
  readonly separators: readonly string[];
  readonly contentSeparator: string;
  readonly emptySeparator: string;
  readonly addRoleAfterSystemMessage: boolean;
  readonly renderEmptySystemMessage: boolean;
  readonly stopStrings: readonly string[];
  readonly stopTokens: readonly number[];
  /** Texts that the tokenizer reads as control tokens; in a message they are plain text. */
  readonly controlTexts: readonly string[];
}

export interface RenderedPrompt {
  readonly system: readonly number[];
  readonly turns: readonly (readonly number[])[];
  /** What opens the answer; of a continued answer also what is there of it. */
  readonly opening: readonly number[];
  /** Tokens of the answer so far: the last ones of `opening`; empty unless continued. */
  readonly partialAnswer: readonly number[];
}

/** Token ids of answers as the model wrote them; encoding their text again may cut it differently. */
export interface AnswerMemory {
  get(text: string): readonly number[] | undefined;
}

const SYSTEM_PLACEHOLDER = '{system_message}';

/**
 * @param config content of mlc-chat-config.json
 * @throws HypnosError 'package-manifest-invalid' if the template lacks what a prompt needs
 */
export function readTemplate(config: unknown): ChatTemplate {
  const template = field(config, 'conv_template');
  const roles = field(template, 'roles');
  const templates = field(template, 'role_templates');
  return {
    systemPrefixTokens: numbers(field(template, 'system_prefix_token_ids') ?? []),
    systemTemplate: string(field(template, 'system_template'), 'system_template'),
    defaultSystemMessage: string(field(template, 'system_message') ?? '', 'system_message'),
    roles: {
      user: string(field(roles, 'user'), 'roles.user'),
      assistant: string(field(roles, 'assistant'), 'roles.assistant'),
    },
    roleTemplates: {
      user: string(field(templates, 'user') ?? '{user_message}', 'role_templates.user'),
      assistant: string(field(templates, 'assistant') ?? '{assistant_message}', 'role_templates.assistant'),
    },
    separators: strings(field(template, 'seps'), 'seps', 1),
    contentSeparator: string(field(template, 'role_content_sep') ?? ': ', 'role_content_sep'),
    emptySeparator: string(field(template, 'role_empty_sep') ?? ': ', 'role_empty_sep'),
    addRoleAfterSystemMessage: field(template, 'add_role_after_system_message') !== false,
    renderEmptySystemMessage: field(template, 'render_empty_system_message') !== false,
    stopStrings: strings(field(template, 'stop_str') ?? [], 'stop_str', 0).filter((text) => text !== ''),
    stopTokens: numbers(field(template, 'stop_token_ids') ?? []),
    controlTexts: strings(field(field(config, 'hypnos'), 'control_tokens') ?? [], 'control_tokens', 0).filter(
      (text) => text !== '',
    ),
  };
}

/** Every turn is encoded by itself, so that its tokens do not depend on its neighbours and the KV cache can be kept. */
export function renderPrompt(
  template: ChatTemplate,
  turns: readonly ChatTurn[],
  encode: (text: string) => readonly number[],
  answers: AnswerMemory,
): RenderedPrompt {
  const [first] = turns;
  const systemTurn = first?.role === 'system' ? first : null;
  const dialogue = systemTurn ? turns.slice(1) : turns;
  const last = dialogue.at(-1);
  const continued = last?.role === 'assistant' ? last : null;
  const finished = continued ? dialogue.slice(0, -1) : dialogue;

  const inert = inertEncoder(template.controlTexts, encode);
  const message = systemTurn?.content ?? template.defaultSystemMessage;
  const hasSystem = message !== '' || template.renderEmptySystemMessage;
  const systemParts = hasSystem ? fill(template.systemTemplate, SYSTEM_PLACEHOLDER, message) : NOTHING;
  const system = [...template.systemPrefixTokens, ...inert(systemParts)];
  const separatorAt = (index: number) => template.separators[index % template.separators.length] ?? '';

  const rendered = finished.map((turn, index) => {
    const role = turn.role === 'assistant' ? 'assistant' : 'user';
    const isBare = index === 0 && hasSystem && !template.addRoleAfterSystemMessage;
    const known = role === 'assistant' ? answers.get(turn.content) : undefined;
    if (known) return [...openAnswer(template, encode), ...known, ...encode(separatorAt(index))];
    const prefix = isBare ? '' : template.roles[role] + template.contentSeparator;
    const { before, text, after } = fill(template.roleTemplates[role], `{${role}_message}`, turn.content);
    return inert({ before: prefix + before, text, after: after + separatorAt(index) });
  });

  const known = continued ? answers.get(continued.content) : undefined;
  const partialAnswer = continued ? (known ?? inert({ ...NOTHING, text: continued.content })) : [];
  return {
    system,
    turns: rendered,
    opening: [...openAnswer(template, encode), ...partialAnswer],
    partialAnswer,
  };
}

function openAnswer(template: ChatTemplate, encode: (text: string) => readonly number[]): readonly number[] {
  return encode(template.roles.assistant + template.emptySeparator);
}

/** A message with what the template puts around it. */
interface Filled {
  readonly before: string;
  readonly text: string;
  readonly after: string;
}
const NOTHING: Filled = { before: '', text: '', after: '' };

function fill(template: string, placeholder: string, text: string): Filled {
  const at = template.indexOf(placeholder);
  if (at < 0) return { ...NOTHING, before: template };
  return { before: template.slice(0, at), text, after: template.slice(at + placeholder.length) };
}

/**
 * Encodes a message so that a control token's text in it stays text: `<|im_end|>` typed or pasted must not end a turn.
 * It is cut after its first character, which the tokenizer then cannot read as the control token; every character stays.
 */
function inertEncoder(
  controlTexts: readonly string[],
  encode: (text: string) => readonly number[],
): (filled: Filled) => readonly number[] {
  return ({ before, text, after }) => {
    const pieces = cutControlTexts(text, controlTexts);
    const first = before + (pieces[0] ?? '');
    if (pieces.length <= 1) return first + after === '' ? [] : encode(first + after);
    return [first, ...pieces.slice(1, -1), (pieces.at(-1) ?? '') + after].flatMap((piece) => encode(piece));
  };
}

/** Pieces that join to the text, none of which holds a control token's text. */
export function cutControlTexts(text: string, controlTexts: readonly string[]): readonly string[] {
  if (controlTexts.length === 0) return [text];
  const control = new RegExp(controlTexts.map(escapeForPattern).join('|'), 'gu');
  const pieces: string[] = [];
  let from = 0;
  for (let found = control.exec(text); found; found = control.exec(text)) {
    const [head = ''] = found[0];
    const cut = found.index + head.length;
    pieces.push(text.slice(from, cut));
    from = cut;
    control.lastIndex = cut; // another may begin inside this one
  }
  return [...pieces, text.slice(from)];
}

function escapeForPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

export interface FitRequest {
  /** Tokens that every prompt has: system and the opening of the answer. */
  readonly fixed: number;
  /** Tokens of each turn, oldest first; the last one is the question and always stays. */
  readonly turns: readonly number[];
  /** Whether the turn at an index is the user's: a kept history begins with one. */
  readonly isUser: (index: number) => boolean;
  readonly contextWindowSize: number;
  readonly maxTokens: number;
  /** Turns dropped last time from this same conversation; kept where it still fits, so that the KV cache is. */
  readonly previouslyDropped: number;
}

/** A quarter of the window is the most that is held free for the answer. */
const ANSWER_SHARE = 0.25;
/** Dropping makes room for several turns at once: every drop costs a prefill of all that stays. */
const LOW_WATER = 0.7;
/** Tokens: with less room than this there is no answer worth the wait. */
const ANSWER_TOKENS_MIN = 16;

/**
 * How many of the oldest turns to leave out.
 * @returns null if the last turn does not fit even alone
 */
export function fitTurns(request: FitRequest): number | null {
  const { fixed, turns, isUser, contextWindowSize, maxTokens, previouslyDropped } = request;
  const quarter = Math.floor(contextWindowSize * ANSWER_SHARE);
  const highWater = contextWindowSize - Math.max(1, Math.min(maxTokens, quarter));
  const question = turns.length - 1;
  const sizes: number[] = []; // prompt tokens if the first `index` turns are dropped
  let size = fixed;
  for (let index = question; index >= 0; index -= 1) {
    size += turns[index] ?? 0;
    sizes[index] = size;
  }
  const alone = sizes[Math.max(0, question)] ?? fixed;
  if (alone > contextWindowSize - Math.max(1, Math.min(maxTokens, quarter, ANSWER_TOKENS_MIN))) return null;

  const fitsAt = (dropped: number, limit: number) => (sizes[dropped] ?? Infinity) <= limit;
  const smallest = (limit: number) => {
    for (let dropped = 0; dropped < question; dropped += 1) {
      if (fitsAt(dropped, limit) && (dropped === 0 || isUser(dropped))) return dropped;
    }
    return Math.max(0, question);
  };
  const least = smallest(highWater);
  if (least === 0) return 0;
  if (previouslyDropped >= least && previouslyDropped < question) return previouslyDropped;
  return smallest(Math.floor(highWater * LOW_WATER));
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
function string(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw wrong(name, 'a string');
}
function strings(value: unknown, name: string, atLeast: number): readonly string[] {
  if (Array.isArray(value) && value.length >= atLeast && value.every((item) => typeof item === 'string'))
    return value;
  throw wrong(name, `a list of at least ${atLeast} strings`);
}
function numbers(value: unknown): readonly number[] {
  if (Array.isArray(value) && value.every((item) => Number.isInteger(item))) return value as number[];
  throw wrong('token ids', 'a list of integers');
}
function wrong(name: string, expected: string): HypnosError {
  return new HypnosError('package-manifest-invalid', {
    file: 'mlc-chat-config.json',
    path: `conv_template.${name}`,
    reason: `expected ${expected}`,
  });
}
