import { describe, expect, test } from 'vitest';
import { GenerationSession } from '../../../src/engine/worker/generation.ts';
import type { GenerateEvent, GenerateRequest } from '../../../src/engine/shared/api.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import { DEFAULT_SAMPLING } from '../../../src/shared/types.ts';
import type { ChatTurn } from '../../../src/shared/types.ts';
import { ToyModel } from './toyModel.ts';

const user = (content: string): ChatTurn => ({ role: 'user', content });
const assistant = (content: string): ChatTurn => ({ role: 'assistant', content });

interface AskOptions {
  readonly request?: Partial<GenerateRequest>;
  readonly maxTokens?: number;
  readonly stopAfterText?: number;
  readonly signal?: AbortSignal;
  readonly checkDevice?: () => void;
}

/** A session with a clock that moves one millisecond a look. */
function start(model = new ToyModel()) {
  const session = new GenerationSession(model);
  let time = 0;
  const ask = async (turns: readonly ChatTurn[], options: AskOptions = {}) => {
    const stop = new AbortController();
    const events: GenerateEvent[] = [];
    const outcome = await session.generate(
      {
        id: 'g',
        turns,
        sampling: { ...DEFAULT_SAMPLING, maxTokens: options.maxTokens ?? 512 },
        ...options.request,
      },
      {
        signal: options.signal ?? stop.signal,
        now: () => (time += 1),
        checkDevice: options.checkDevice ?? (() => {}),
        onEvent: (event) => {
          events.push(event);
          if (events.filter(({ type }) => type === 'text').length === options.stopAfterText) stop.abort();
        },
      },
    );
    const text = events.map((event) => (event.type === 'text' ? event.delta : '')).join('');
    const started = events.find((event) => event.type === 'started')!;
    return { outcome, text, started, events };
  };
  return { session, model, ask };
}

describe('an answer', () => {
  test('streams whole characters and ends at the stop token', async () => {
    const { model, ask } = start();
    model.answer('丙泊酚');
    const { outcome, text, events } = await ask([user('问')]);
    expect(text).toBe('丙泊酚');
    expect(events.map(({ type }) => type)).toEqual(['started', 'text', 'text', 'text']);
    expect(outcome).toMatchObject({ finishReason: 'stop', droppedTurns: 0 });
    expect(outcome.stats).toMatchObject({ promptTokens: model.cache.length - 9, completionTokens: 9 });
    expect(outcome.contextTokens).toBe(model.cache.length);
    expect(model.alive).toBe(0);
  });

  test('ends at maxTokens with length, at the end of the window with context', async () => {
    const long = start();
    long.model.answer('a'.repeat(100));
    expect((await long.ask([user('问')], { maxTokens: 20 })).outcome).toMatchObject({
      finishReason: 'length',
      stats: { completionTokens: 20 },
    });

    const small = start(new ToyModel({ contextWindowSize: 80 }));
    small.model.answer('a'.repeat(100));
    const { outcome } = await small.ask([user('问')]);
    expect(outcome).toMatchObject({ finishReason: 'context', contextTokens: 80 });
    expect(small.model.alive).toBe(0);
  });

  test('a stop string that is spelled out ends it too, unseen', async () => {
    const { model, ask } = start();
    model.script = [...new TextEncoder().encode('好<|im_end|>吗')];
    const { outcome, text } = await ask([user('问')]);
    expect({ text, finish: outcome.finishReason }).toEqual({ text: '好', finish: 'stop' });
  });

  test('counts accepted tokens only, for the penalties', async () => {
    const { model, ask } = start();
    model.answer('ab');
    await ask([user('问')]);
    expect(model.accepted).toEqual([97, 98]);
  });
});

describe('stopping', () => {
  test('between two tokens keeps what was written', async () => {
    const { model, ask } = start();
    model.answer('abcdef');
    const { outcome, text } = await ask([user('问')], { stopAfterText: 3 });
    expect({ text, finish: outcome.finishReason }).toEqual({ text: 'abc', finish: 'stopped' });
  });

  test('before the first token, between two prefill chunks', async () => {
    const { model, ask } = start(new ToyModel({ prefillChunkSize: 16 }));
    const stop = new AbortController();
    model.onForward = () => {
      if (model.forwards.length === 2) stop.abort();
    };
    const { outcome, text } = await ask([user('x'.repeat(400))], { signal: stop.signal });
    expect(outcome).toMatchObject({ finishReason: 'stopped', stats: { completionTokens: 0 } });
    expect(text).toBe('');
    expect(model.forwards).toEqual([16, 16]);
    expect(model.alive).toBe(0);

    // What was prefilled is not lost.
    model.answer('好');
    const again = await ask([user('x'.repeat(400))]);
    expect(again.started).toMatchObject({ reusedTokens: 32 });
    expect(again.text).toBe('好');
  });
});

describe('the KV cache', () => {
  test('a next turn forwards only what is new', async () => {
    const { model, ask } = start();
    model.answer('第一答');
    const first = await ask([user('一')]);
    const cached = model.cache.length;
    model.answer('第二答');
    const second = await ask([user('一'), assistant(first.text), user('二')]);
    expect(second.started).toMatchObject({ reusedTokens: cached });
    expect(model.cachedText).toBe(
      '<|im_start|>system\n默认<|im_end|>\n<|im_start|>user\n一<|im_end|>\n<|im_start|>assistant\n第一答<|im_end|>\n' +
        '<|im_start|>user\n二<|im_end|>\n<|im_start|>assistant\n第二答',
    );
  });

  test('a stopped answer can be followed by a next turn just as well', async () => {
    const { model, ask } = start();
    model.answer('一二三四五');
    const stopped = await ask([user('问')], { stopAfterText: 2 });
    expect(stopped.text).toBe('一二');
    const cached = model.cache.length;
    model.answer('好');
    const next = await ask([user('问'), assistant(stopped.text), user('继续')]);
    expect(next.started).toMatchObject({ reusedTokens: cached });
  });

  test('a regenerated answer forwards one token, an edited question what follows the edit', async () => {
    const { model, ask } = start();
    model.answer('甲');
    const first = await ask([user('同一个问题')]);
    model.forwards.length = 0;
    model.answer('乙');
    const again = await ask([user('同一个问题')]);
    expect(again.started).toMatchObject({ reusedTokens: first.outcome.stats.promptTokens - 1 });
    expect(model.forwards[0]).toBe(1);
    expect(again.text).toBe('乙');

    model.answer('丙');
    const edited = await ask([user('同一类问题')]);
    const { reusedTokens = 0 } = edited.started as { reusedTokens?: number };
    expect(reusedTokens).toBeGreaterThan(20);
    expect(model.cachedText).toContain('user\n同一类问题<|im_end|>\n<|im_start|>assistant\n丙');
    expect(model.cachedText).not.toContain('同一个');
  });

  test('is not used for a question that is asked alone', async () => {
    const { model, ask } = start();
    model.answer('甲');
    await ask([user('同一个问题')]);
    model.answer('乙');
    const { started, text } = await ask([user('同一个问题')], { request: { isAlone: true } });
    expect(started).toMatchObject({ reusedTokens: 0 });
    expect(text).toBe('乙');
  });

  test('is emptied after a failure', async () => {
    const { model, ask } = start();
    model.onForward = () => {
      throw new Error('the device is gone');
    };
    await expect(ask([user('问')])).rejects.toThrow('the device is gone');
    model.onForward = () => {};
    model.answer('好');
    const { started, text } = await ask([user('问')]);
    expect(started).toMatchObject({ reusedTokens: 0 });
    expect(text).toBe('好');
  });

  test('a device that failed ends the answer even if the model goes on', async () => {
    const { model, ask } = start();
    model.answer('abc');
    const lost = new HypnosError('gpu-device-lost');
    const checkDevice = () => {
      if (model.accepted.length === 2) throw lost;
    };
    await expect(ask([user('问')], { checkDevice })).rejects.toBe(lost);
    expect(model.alive).toBeLessThanOrEqual(1);
  });
});

describe('going on with a partial answer', () => {
  test('after a stop: nothing is forwarded twice, and the answer is one', async () => {
    const { model, ask } = start();
    model.answer('一二三四五');
    const half = await ask([user('问')], { stopAfterText: 2 });
    const cached = model.cache.length;
    model.answer('三四五');
    const rest = await ask([user('问'), assistant(half.text)]);
    expect(half.text + rest.text).toBe('一二三四五');
    expect(rest.started).toMatchObject({
      reusedTokens: Math.min(cached, rest.outcome.stats.promptTokens - 1),
    });
    expect(model.cachedText.match(/assistant/g)).toHaveLength(1);
    expect(model.cachedText).toMatch(/assistant\n一二三四五$/);

    // The joined answer is known by its tokens in the next turn.
    const joined = model.cache.length;
    model.answer('好');
    const next = await ask([user('问'), assistant('一二三四五'), user('?')]);
    expect(next.started).toMatchObject({ reusedTokens: joined });
  });

  test('in a fresh worker, from its text alone; penalties count its tokens', async () => {
    const { model, ask } = start();
    model.answer('c');
    const { text } = await ask([user('问'), assistant('ab')]);
    expect(text).toBe('c');
    expect(model.accepted).toEqual([97, 98, 99]);
  });

  test('one that fills the window ends at once with context', async () => {
    const { model, ask } = start(new ToyModel({ contextWindowSize: 128 }));
    const { outcome, text } = await ask([user('问'), assistant('x'.repeat(80))]);
    expect({ finish: outcome.finishReason, text }).toEqual({ finish: 'context', text: '' });
    expect(model.forwards).toEqual([]);
  });
});

describe('a full context window', () => {
  const turns: ChatTurn[] = [];
  for (let index = 0; index < 10; index += 1) turns.push(user(`问题${index}`), assistant(`回答${index}`));

  test('oldest turns leave, system and question stay, and it says how many left', async () => {
    const { model, ask } = start(new ToyModel({ contextWindowSize: 512 }));
    model.answer('好');
    const { outcome, started } = await ask([{ role: 'system', content: '规则' }, ...turns, user('最后')]);
    expect(outcome.droppedTurns).toBeGreaterThan(0);
    expect(outcome.droppedTurns % 2).toBe(0);
    expect(started).toMatchObject({ droppedTurns: outcome.droppedTurns });
    const firstKept = outcome.droppedTurns / 2;
    expect(model.cachedText).toContain('system\n规则<|im_end|>\n<|im_start|>user\n问题' + firstKept);
    expect(model.cachedText).not.toContain(`问题${firstKept - 1}`);
    expect(model.cachedText).toContain('user\n最后<');
  });

  test('the next turn drops no more while it fits, and keeps the KV cache', async () => {
    const { model, ask } = start(new ToyModel({ contextWindowSize: 512 }));
    model.answer('好');
    const first = await ask([...turns, user('最后')]);
    const cached = model.cache.length;
    model.answer('好的');
    const second = await ask([...turns, user('最后'), assistant('好'), user('还有')]);
    expect(second.outcome.droppedTurns).toBe(first.outcome.droppedTurns);
    expect(second.started).toMatchObject({ reusedTokens: cached });
  });

  test('a question too long by itself is refused, with figures, and the session goes on', async () => {
    const { model, ask } = start(new ToyModel({ contextWindowSize: 256 }));
    await expect(ask([...turns, user('x'.repeat(300))])).rejects.toMatchObject({
      code: 'message-too-long',
      detail: { limit: 256 },
    });
    model.answer('好');
    expect((await ask([user('短')])).text).toBe('好');
  });
});

test('prefill chunks grow while the device is quick and shrink while it is slow', async () => {
  const model = new ToyModel({ prefillChunkSize: 256, contextWindowSize: 100_000 });
  const session = new GenerationSession(model);
  let time = 0;
  let cost = 10;
  model.onForward = () => {
    time += cost;
  };
  const ask = (content: string) =>
    session.generate(
      { id: 'g', turns: [user(content)], sampling: DEFAULT_SAMPLING },
      { signal: new AbortController().signal, onEvent: () => {}, now: () => time, checkDevice: () => {} },
    );
  await ask('x'.repeat(2000));
  expect(model.forwards.slice(0, 4)).toEqual([64, 128, 256, 256]);
  cost = 4000;
  model.forwards.length = 0;
  await ask('y'.repeat(2000));
  expect(model.forwards.slice(0, 5)).toEqual([256, 128, 64, 32, 16]);
});

test('sampling and schema reach the model', async () => {
  const { model, ask } = start();
  const responseSchema = { type: 'object' };
  const sampling = { ...DEFAULT_SAMPLING, seed: 7, temperature: 0 };
  await ask([user('问')], { request: { responseSchema, sampling } });
  expect(model.began).toEqual([{ sampling, responseSchema }]);
});
