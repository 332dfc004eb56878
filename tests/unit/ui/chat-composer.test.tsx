// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import { startI18n } from '../../../src/i18n/index.ts';
import { StoresContext } from '../../../src/state/hooks.ts';
import type { EngineState, Stores } from '../../../src/state/types.ts';
import { Composer } from '../../../src/ui/chat/Composer.tsx';

beforeAll(() => startI18n('zh-CN'));
afterEach(cleanup);

const model = {
  id: 'm',
  title: { zh: 'm', en: 'm' },
  contextWindowSize: 2048,
  library: 'gpu',
  engine: 'web-llm',
  engineReason: 'gpu-fits',
};
const send = vi.fn(() => Promise.resolve(true));
const stop = vi.fn();
const requestLease = vi.fn();
beforeEach(() => {
  vi.clearAllMocks();
});

interface Scene {
  readonly engine?: EngineState;
  readonly lease?: string;
  readonly sendKey?: string;
  readonly streaming?: object;
}

function show({ engine, lease = 'held', sendKey = 'enter', streaming }: Scene = {}) {
  const chat = createStore(() => ({
    conversationId: 'c',
    answering: null,
    draft: '丙泊酚',
    streaming: streaming ?? null,
    contextTokens: 640,
    send,
    stop,
    setDraft: (draft: string) => {
      chat.setState({ draft });
    },
  }));
  const stores = {
    chat,
    model: createStore(() => ({
      engine: engine ?? { phase: 'ready', model },
      lease,
      device: null,
      packages: [],
      packagesLoaded: false,
      defaultId: null,
      error: null,
      requestLease,
      cancelLoad: vi.fn(),
    })),
    settings: createStore(() => ({ sendKey })),
  };
  render(
    <StoresContext value={stores as unknown as Stores}>
      <Composer isNew={false} />
    </StoresContext>,
  );
  return screen.getByRole('textbox', { name: '提问' });
}

describe('Enter', () => {
  test('sends', () => {
    fireEvent.keyDown(show(), { key: 'Enter', keyCode: 13 });
    expect(send).toHaveBeenCalledExactlyOnceWith('丙泊酚');
  });

  test('that chooses an input method’s candidate does not', () => {
    const field = show();
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13, isComposing: true });
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 229 });
    expect(send).not.toHaveBeenCalled();
  });

  test('with Shift does not; with Ctrl does, and alone does not where that is the setting', () => {
    const field = show({ sendKey: 'ctrl-enter' });
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13 });
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13, shiftKey: true });
    expect(send).not.toHaveBeenCalled();
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13, ctrlKey: true });
    expect(send).toHaveBeenCalledOnce();
  });

  test('sends nothing while an answer streams, nor a blank', () => {
    const field = show({ streaming: { messageId: 'a', text: '', waitingForFirstToken: true } });
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13 });
    expect(send).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole('button', { name: /停止/ }));
    expect(stop).toHaveBeenCalledOnce();
    cleanup();
    const blank = show();
    fireEvent.change(blank, { target: { value: ' \n ' } });
    fireEvent.keyDown(blank, { key: 'Enter', keyCode: 13 });
    expect(send).not.toHaveBeenCalled();
  });
});

describe('why it cannot answer', () => {
  test('another tab has the model: offers to take it over', () => {
    const field = show({ engine: { phase: 'idle' }, lease: 'waiting' });
    expect(screen.getByText('模型正在另一个标签页中使用')).toBeTruthy();
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13 });
    expect(send).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole('button', { name: '在此标签页使用' }));
    expect(requestLease).toHaveBeenCalledOnce();
  });

  test('the model is loading: says how far, and takes the question', () => {
    const progress = {
      stage: 'weights',
      fraction: 0.5,
      bytesDone: 5e6,
      bytesTotal: 1e7,
      bytesPerSecond: null,
      secondsLeft: null,
    } as const;
    const field = show({ engine: { phase: 'loading', packageId: 'm', progress } });
    expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('50');
    expect(field.getAttribute('placeholder')).toContain('模型就绪后自动回答');
    fireEvent.keyDown(field, { key: 'Enter', keyCode: 13 });
    expect(send).toHaveBeenCalledOnce();
  });
});

test('the context meter tells its figures', () => {
  show();
  const meter = screen.getByRole('meter');
  expect([meter.getAttribute('aria-valuenow'), meter.getAttribute('aria-valuemax')]).toEqual(['640', '2048']);
  expect(meter.textContent).toContain('640 / 2,048');
});
