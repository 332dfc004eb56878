/**
 * The conversation on screen, and the answers this tab writes, on screen or not.
 *
 * The history is the truth: the thread is what the repository's watchers emit, with unsaved answers laid over. Answers
 * run one after the other, each in its own conversation, whatever is on screen meanwhile.
 */
import { createStore } from 'zustand/vanilla';
import type { GenerateOutcome } from '../engine/shared/api.ts';
import { clampSampling } from '../history/sampling.ts';
import { growTree, latestLeaf, pathTo, threadOf } from '../history/thread.ts';
import type { MessageTree } from '../history/thread.ts';
import type { HistoryRepository } from '../history/types.ts';
import { HypnosError } from '../shared/errors.ts';
import type { CodedError } from '../shared/errors.ts';
import type {
  AnswerSources,
  Conversation,
  ConversationId,
  Message,
  MessageId,
  PackageId,
} from '../shared/types.ts';
import { AnswerRun } from './answer.ts';
import type { FinishedAnswer } from './answer.ts';
import type { ModelRoom } from './model.ts';
import type { Reader, StorePorts } from './ports.ts';
import { contextTokensOf, turnsFor } from './prompt.ts';
import type { ChatActions, ChatState, ChatStore, ModelState, SettingsStore, ThreadItem } from './types.ts';

const DRAFT_SAVED_AFTER_MS = 400;
const UNSAVED_RETRIED_AFTER_MS = 5_000;
/** Earlier questions that help to find sources for one that leaves its subject out. */
const EARLIER_QUESTIONS = 2;

const NOTHING_OPEN: Pick<
  ChatState,
  | 'conversation'
  | 'thread'
  | 'missing'
  | 'streaming'
  | 'systemPrompt'
  | 'sampling'
  | 'sources'
  | 'contextTokens'
  | 'error'
> = {
  conversation: null,
  thread: [],
  missing: false,
  streaming: null,
  systemPrompt: null,
  sampling: null,
  sources: true,
  contextTokens: null,
  error: null,
};

export interface ChatRoom {
  readonly store: ChatStore;
  /** Resolves once no answer is being written. */
  whenIdle(): Promise<void>;
  /** Ends what is being written or waits, in one conversation or in all; it is stored as far as it came. */
  interruptAll(id?: ConversationId): void;
  dispose(): void;
}

/** @param model resolved late: the model's lease waits for this room to be idle */
export function createChatRoom(ports: StorePorts, model: () => ModelRoom, settings: SettingsStore): ChatRoom {
  const { history, engine, clock } = ports;

  /** Answers being written or waiting their turn, by message. */
  const runs = new Map<MessageId, { readonly run: AnswerRun; readonly done: Promise<void> }>();
  let lastRun: Promise<void> = Promise.resolve();
  /** From a click until its answer is among the runs: a second click meanwhile must not ask twice. */
  let isStarting = false;
  /** Finished answers that are not stored yet. */
  const unsaved = new Map<MessageId, FinishedAnswer>();
  /** Finished answers that are stored but not yet emitted by the watcher. */
  const settled = new Map<MessageId, FinishedAnswer>();
  let cancelRetry: (() => void) | null = null;

  let visit = 0;
  /** Changes of the open conversation shown but not yet stored: what its watcher tells meanwhile is older. */
  let changing = { count: 0 };
  let tree: MessageTree = growTree([]);
  let stopWatching: () => void = () => {};
  let cancelDraft: (() => void) | null = null;

  const store = createStore<ChatState & ChatActions>(() => ({
    ...NOTHING_OPEN,
    conversationId: null,
    loaded: false,
    answering: null,
    draft: '',
    unsaved: new Set<MessageId>(),
    open,
    send,
    stop,
    regenerate,
    editAndResend,
    continueAnswer,
    selectBranch,
    setDraft,
    setAnswering,
    setSources,
    dismissError,
  }));
  const get = store.getState;
  const set = store.setState;

  const fail = (error: unknown) => {
    set({ error: HypnosError.from(error).toCoded() });
  };

  // What is on screen

  async function open(id: ConversationId | null): Promise<void> {
    if (id !== null && id === get().conversationId && !get().missing) return;
    saveDraftNow();
    stopWatching();
    stopWatching = () => {};
    visit += 1;
    const mine = visit;
    tree = growTree([]);
    changing = { count: 0 };
    settled.clear();
    set({ ...NOTHING_OPEN, conversationId: id, loaded: false, draft: '' });
    try {
      if (id === null) {
        const draft = await history.getNewDraft();
        if (mine === visit) set({ draft: get().draft || draft, loaded: true });
        return;
      }
      const conversation = await history.getConversation(id);
      if (mine !== visit) return;
      if (!conversation) set({ missing: true, loaded: true });
      else await watch(conversation, conversation.draft);
    } catch (error) {
      if (mine !== visit) return;
      set({ loaded: true });
      fail(error);
    }
  }

  /** Follows the conversation; resolves when its messages are on screen. */
  function watch(conversation: Conversation, draft: string): Promise<void> {
    const { id } = conversation;
    const mine = visit;
    set({ conversationId: id, draft: get().draft || draft });
    show(conversation);
    return new Promise((resolve) => {
      const onError = (error: HypnosError) => {
        if (mine === visit) {
          set({ loaded: true });
          fail(error);
        }
        resolve();
      };
      const stopConversation = history.watchConversation(
        id,
        (latest) => {
          if (mine !== visit || changing.count > 0) return;
          if (latest) show(latest);
          else set({ ...NOTHING_OPEN, missing: true });
        },
        onError,
      );
      const stopMessages = history.watchMessages(
        id,
        (messages) => {
          if (mine !== visit) return;
          tree = growTree(messages);
          for (const [messageId] of settled)
            if (tree.byId.get(messageId)?.finishReason != null) settled.delete(messageId);
          showThread();
          set({ loaded: true });
          resolve();
        },
        onError,
      );
      stopWatching = () => {
        stopConversation();
        stopMessages();
        resolve();
      };
    });
  }

  function show(conversation: Conversation): void {
    set({
      conversation,
      missing: false,
      systemPrompt: conversation.systemPrompt,
      sampling: conversation.sampling,
      sources: conversation.sources,
    });
    showThread();
  }

  function showThread(): void {
    const { conversation, conversationId, thread: before } = get();
    const shown = new Map(before.map((item) => [item.message.id, item]));
    const thread = threadOf(tree, conversation?.activeLeafId ?? null).map((node): ThreadItem => {
      const final = unsaved.get(node.message.id) ?? settled.get(node.message.id);
      const latest = final ? { ...node.message, ...final } : node.message;
      const known = shown.get(latest.id);
      // The same object wherever nothing changed: a screen draws again only what differs.
      const message = known && isSameMessage(known.message, latest) ? known.message : latest;
      return known?.message === message && sameIds(known.siblings, node.siblings)
        ? known
        : { message, siblings: node.siblings };
    });
    const isSame = thread.length === before.length && thread.every((item, index) => item === before[index]);
    set({
      ...(isSame ? {} : { thread, contextTokens: contextTokensOf(thread.map(({ message }) => message)) }),
      ...streamingIn(conversationId),
    });
  }

  function streamingIn(id: ConversationId | null): Pick<ChatState, 'streaming'> {
    const run = runIn(id);
    if (!run) return { streaming: null };
    const { text, waitingForFirstToken, message } = run;
    return { streaming: { messageId: message.id, text, waitingForFirstToken } };
  }

  function runIn(id: ConversationId | null): AnswerRun | null {
    if (id === null) return null;
    for (const { run } of runs.values()) if (run.conversationId === id) return run;
    return null;
  }

  // Asking

  /** Runs the work that starts an answer, one at a time; failures are told in `error`. False: it did not happen. */
  async function starting(work: () => Promise<boolean>): Promise<boolean> {
    if (isStarting) return false;
    isStarting = true;
    set({ error: null });
    try {
      return await work();
    } catch (error) {
      fail(error);
      return false;
    } finally {
      isStarting = false;
    }
  }

  /** Whether an answer may be started here and now; says in `error` why not. */
  async function mayAnswer(): Promise<boolean> {
    const { conversationId } = get();
    const refuse = (error: CodedError) => {
      set({ error });
      return false;
    };
    if (runIn(conversationId)) return refuse({ code: 'engine-busy', detail: { holder: 'this-tab' } });
    if (!(await model().holdsEngine())) {
      model().store.getState().requestLease();
      return refuse({ code: 'engine-busy', detail: { holder: 'another-tab' } });
    }
    await model().listed;
    if (!model().current())
      return refuse(model().store.getState().error ?? { code: 'model-not-loaded', detail: {} });
    return true;
  }

  function author(): Pick<Message, 'model'> {
    const current = model().current();
    if (!current) return { model: null };
    const { zh, en } = current.title;
    return { model: { id: current.id, title: settings.getState().locale === 'en' ? en : zh } };
  }

  async function send(text: string): Promise<boolean> {
    if (text.trim() === '') return false;
    const { thread } = get();
    const parent = thread.findLast(({ message }) => message.role === 'assistant');
    return starting(() => ask(text, parent?.message.id ?? null));
  }

  async function editAndResend(questionId: MessageId, text: string): Promise<void> {
    const question = tree.byId.get(questionId);
    if (question?.role !== 'user' || text.trim() === '') return;
    await starting(() => ask(text, question.parentId));
  }

  /** True when question and open answer are stored; the answer then runs by itself. */
  async function ask(text: string, parentId: MessageId | null): Promise<boolean> {
    const mine = visit;
    if (!(await mayAnswer()) || mine !== visit) return false;
    const { conversationId, systemPrompt, sampling, sources, draft: composed } = get();
    // The composer loses what was sent from it; an edit or an example was not.
    const draft = composed.trim() === text.trim() ? '' : composed;
    cancelDraft?.();
    cancelDraft = null;
    const { question, answer } = await history
      .ask(
        { conversationId, parentId, text, draft, conversation: { systemPrompt, sampling, sources } },
        author(),
      )
      .catch((error: unknown) => {
        if (mine === visit) setDraft(get().draft); // not sent: still to be saved
        throw error;
      });
    start(answer);
    if (mine !== visit) return true;
    if (get().draft === composed) set({ draft });
    if (conversationId === null) {
      const conversation = await history.getConversation(question.conversationId);
      if (mine === visit && conversation) await watch(conversation, '');
    }
    return true;
  }

  async function regenerate(answerId: MessageId): Promise<void> {
    const questionId = tree.byId.get(answerId)?.parentId;
    if (questionId == null) return;
    await starting(async () => {
      if (!(await mayAnswer())) return false;
      start(await history.startAnswer(questionId, author()));
      return true;
    });
  }

  async function continueAnswer(answerId: MessageId): Promise<void> {
    if (tree.byId.get(answerId)?.role !== 'assistant') return;
    await starting(async () => {
      await retryUnsaved();
      // Stored is only its beginning.
      if (unsaved.has(answerId)) throw new HypnosError('storage-quota-exceeded');
      if (!(await mayAnswer())) return false;
      start(await history.resumeAnswer(answerId, author()));
      return true;
    });
  }

  function stop(): void {
    runIn(get().conversationId)?.stop();
  }

  // Answers

  function start(answer: Message): void {
    settled.delete(answer.id);
    const run = new AnswerRun(answer, ports, {
      onText: () => {
        if (get().conversationId === run.conversationId) set(streamingIn(run.conversationId));
      },
      onWriteError: fail,
    });
    const done = lastRun.then(() => write(run));
    lastRun = done;
    runs.set(answer.id, { run, done });
    if (get().conversationId === run.conversationId) set(streamingIn(run.conversationId));
    // Told at once, before the answer has its turn: nobody may think the tab idle in between.
    if (get().answering === null) set({ answering: run.conversationId });
  }

  /** Writes one answer to its end; never rejects. */
  async function write(run: AnswerRun): Promise<void> {
    set({ answering: run.conversationId });
    let final: FinishedAnswer;
    try {
      final = run.finished(await generate(run));
    } catch (error) {
      const { aborted } = run.controller.signal;
      final = run.failed(
        aborted ? new HypnosError('cancelled') : HypnosError.from(error, 'generation-failed'),
      );
    }
    await run.settle();
    final = await withCheckedCitations(final, run.sources);
    const { id } = run.message;
    if (!run.isGone) {
      try {
        await history.finishAnswer(id, final);
        settled.set(id, final);
      } catch (error) {
        unsaved.set(id, final);
        fail(error);
        retryLater();
      }
    }
    runs.delete(id);
    const next = runs.values().next().value;
    set({ answering: next?.run.conversationId ?? null, unsaved: new Set(unsaved.keys()) });
    if (get().conversationId === run.conversationId) showThread();
  }

  async function generate(run: AnswerRun): Promise<GenerateOutcome> {
    const { signal } = run.controller;
    // Before the model is there: they stand by themselves, whatever becomes of the answer.
    const prompt = await findSources(run);
    await model().ready(signal);
    const conversation = await history.getConversation(run.conversationId);
    const messages = await history.getMessages(run.conversationId);
    const path = pathTo(growTree(messages), run.message.id).map((message) => withText(message, unsaved));
    const defaults = settings.getState();
    if (signal.aborted) throw new HypnosError('cancelled');
    return engine.generate(
      {
        id: crypto.randomUUID(),
        turns: turnsFor(path, conversation?.systemPrompt ?? defaults.systemPrompt, prompt),
        sampling: clampSampling(conversation?.sampling ?? defaults.sampling),
      },
      { onText: run.append, onStarted: run.onStarted },
      signal,
    );
  }

  /** Stores the answer's sources and returns the question with them, if the model is to read them; never rejects. */
  async function findSources(run: AnswerRun): Promise<string | null> {
    if (!ports.sources) return null;
    try {
      const conversation = await history.getConversation(run.conversationId);
      if (conversation?.sources === false) return null;
      const messages = await history.getMessages(run.conversationId);
      const asked = pathTo(growTree(messages), run.message.id).filter(({ role }) => role === 'user');
      const question = asked.at(-1)?.text ?? '';
      const earlier = asked.slice(-1 - EARLIER_QUESTIONS, -1).map(({ text }) => text);
      const { sources, prompt } = await ports.sources.find(
        question,
        earlier,
        readerOf(model().store.getState(), model().current()?.id),
        run.message.text === '' ? null : run.message.sources,
      );
      run.sources = sources;
      await history.writeAnswerSources(run.message.id, sources);
      return prompt;
    } catch {
      // An answer without sources says so by having none; the library's screen tells what is wrong with it.
      return null;
    }
  }

  async function withCheckedCitations(
    final: FinishedAnswer,
    sources: AnswerSources | null,
  ): Promise<FinishedAnswer> {
    if (!sources || !ports.sources) return final;
    const { text, dropped } = await ports.sources.checkCitations(final.text, sources);
    return {
      ...final,
      text,
      sources: { ...sources, droppedCitations: sources.droppedCitations + dropped },
    };
  }

  function retryLater(): void {
    cancelRetry ??= clock.after(UNSAVED_RETRIED_AFTER_MS, () => {
      cancelRetry = null;
      void retryUnsaved();
    });
  }

  /** Tries again to store what could not be stored; never rejects. */
  async function retryUnsaved(): Promise<void> {
    for (const [id, final] of [...unsaved]) {
      try {
        await history.finishAnswer(id, final);
        unsaved.delete(id);
        settled.set(id, final);
      } catch {
        retryLater();
      }
    }
    if (get().unsaved.size !== unsaved.size) {
      set({ unsaved: new Set(unsaved.keys()) });
      showThread();
    }
  }

  // Branches, drafts, settings

  async function selectBranch(messageId: MessageId): Promise<void> {
    const { conversation } = get();
    const activeLeafId = latestLeaf(tree, messageId);
    if (!conversation || activeLeafId === null) return;
    show({ ...conversation, activeLeafId });
    await change(conversation.id, { activeLeafId });
  }

  /** Stores what is shown already, then shows what is stored. */
  async function change(
    id: ConversationId,
    changed: Parameters<HistoryRepository['updateConversation']>[1],
  ): Promise<void> {
    const mine = changing;
    mine.count += 1;
    try {
      await history.updateConversation(id, changed);
    } catch (error) {
      fail(error);
    }
    mine.count -= 1;
    const latest = await history.getConversation(id).catch(() => undefined);
    if (mine === changing && mine.count === 0 && latest) show(latest);
  }

  function setDraft(text: string): void {
    set({ draft: text });
    cancelDraft?.();
    cancelDraft = clock.after(DRAFT_SAVED_AFTER_MS, saveDraftNow);
  }

  function saveDraftNow(): void {
    if (!cancelDraft) return;
    cancelDraft();
    cancelDraft = null;
    const { conversationId, draft, missing } = get();
    if (missing) return;
    const saved =
      conversationId === null
        ? history.setNewDraft(draft)
        : history.updateConversation(conversationId, { draft });
    saved.catch((error: unknown) => {
      if (!get().error) fail(error);
    });
  }

  async function setAnswering({
    systemPrompt,
    sampling,
  }: Pick<ChatState, 'systemPrompt' | 'sampling'>): Promise<void> {
    await changeSettings({ systemPrompt, sampling: sampling && clampSampling(sampling) });
  }

  async function setSources(sources: boolean): Promise<void> {
    await changeSettings({ sources });
  }

  async function changeSettings(
    changed: Partial<Pick<ChatState, 'systemPrompt' | 'sampling' | 'sources'>>,
  ): Promise<void> {
    set(changed);
    const { conversation } = get();
    if (conversation) await change(conversation.id, changed);
  }

  function dismissError(): void {
    set({ error: null });
    if (unsaved.size > 0) void retryUnsaved();
  }

  const stopHiding = ports.onHide(() => {
    saveDraftNow();
    for (const { run } of runs.values()) run.flush();
  });

  return {
    store,
    whenIdle: async () => {
      while (runs.size > 0) await Promise.all([...runs.values()].map(({ done }) => done));
    },
    interruptAll: (id) => {
      for (const { run } of runs.values()) if (id === undefined || run.conversationId === id) run.interrupt();
    },
    dispose: () => {
      saveDraftNow();
      stopWatching();
      stopHiding();
      cancelRetry?.();
      for (const { run } of runs.values()) run.interrupt();
    },
  };
}

function readerOf({ packages }: ModelState, id: PackageId | undefined): Reader | null {
  return packages.find((known) => known.id === id) ?? null;
}

function isSameMessage(a: Message, b: Message): boolean {
  return (
    a.text === b.text &&
    a.finishReason === b.finishReason &&
    a.errorCode === b.errorCode &&
    a.droppedTurns === b.droppedTurns &&
    a.stats?.completionTokens === b.stats?.completionTokens &&
    a.stats?.decodeTokensPerSecond === b.stats?.decodeTokensPerSecond &&
    a.parentId === b.parentId &&
    (a.sources === null) === (b.sources === null) &&
    a.sources?.passages.length === b.sources?.passages.length &&
    a.sources?.droppedCitations === b.sources?.droppedCitations
  );
}

function withText(message: Message, unsaved: ReadonlyMap<MessageId, FinishedAnswer>): Message {
  const final = unsaved.get(message.id);
  return final ? { ...message, text: final.text } : message;
}

function sameIds(a: readonly MessageId[], b: readonly MessageId[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
