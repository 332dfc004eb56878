/** The application's settings: validated when read, clamped when changed, the same in every tab. */
import { createStore } from 'zustand/vanilla';
import { clampSampling } from '../history/sampling.ts';
import { DEFAULT_SAMPLING } from '../shared/types.ts';
import type { KeyValueStorage } from './ports.ts';
import type { SettingsActions, SettingsState, SettingsStore } from './types.ts';

export const SETTINGS_KEY = 'hypnos.settings';
export const SYSTEM_PROMPT_MAX = 20_000;

export const DEFAULT_SETTINGS: SettingsState = {
  locale: 'zh-CN',
  theme: 'system',
  sendKey: 'enter',
  engine: 'auto',
  systemPrompt: '',
  sampling: DEFAULT_SAMPLING,
};

const oneOf = <Value extends string>(allowed: readonly Value[], value: unknown, otherwise: Value): Value =>
  allowed.find((candidate) => candidate === value) ?? otherwise;

/**
 * A field that does not validate falls back alone; the others are kept. Checked by hand: a schema library would be a
 * thirtieth of what the first paint waits for.
 */
export function parseSettings(text: string | null): SettingsState {
  let value: unknown;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    return DEFAULT_SETTINGS;
  }
  if (typeof value !== 'object' || value === null) return DEFAULT_SETTINGS;
  const read = value as Readonly<Record<keyof SettingsState, unknown>>;
  const { systemPrompt, sampling } = read;
  return {
    locale: oneOf(['zh-CN', 'en'], read.locale, DEFAULT_SETTINGS.locale),
    theme: oneOf(['system', 'light', 'dark'], read.theme, DEFAULT_SETTINGS.theme),
    sendKey: oneOf(['enter', 'ctrl-enter'], read.sendKey, DEFAULT_SETTINGS.sendKey),
    engine: oneOf(['auto', 'web-llm', 'wllama'], read.engine, DEFAULT_SETTINGS.engine),
    systemPrompt:
      typeof systemPrompt === 'string' && systemPrompt.length <= SYSTEM_PROMPT_MAX
        ? systemPrompt
        : DEFAULT_SETTINGS.systemPrompt,
    sampling:
      typeof sampling === 'object' && sampling !== null && !Array.isArray(sampling)
        ? clampSampling(sampling)
        : DEFAULT_SETTINGS.sampling,
  };
}

const settingsOf = ({
  locale,
  theme,
  sendKey,
  engine,
  systemPrompt,
  sampling,
}: SettingsState): SettingsState => ({
  locale,
  theme,
  sendKey,
  engine,
  systemPrompt,
  sampling,
});

export function createSettingsStore(storage: KeyValueStorage): SettingsStore {
  const store = createStore<SettingsState & SettingsActions>((set, get) => ({
    ...parseSettings(storage.read(SETTINGS_KEY)),
    update: (change) => {
      set({
        ...change,
        ...(change.systemPrompt === undefined
          ? {}
          : { systemPrompt: change.systemPrompt.slice(0, SYSTEM_PROMPT_MAX) }),
        ...(change.sampling === undefined ? {} : { sampling: clampSampling(change.sampling) }),
      });
      storage.write(SETTINGS_KEY, JSON.stringify(settingsOf(get())));
    },
    reset: () => {
      set(DEFAULT_SETTINGS);
      storage.write(SETTINGS_KEY, null);
    },
  }));
  storage.watch(SETTINGS_KEY, () => {
    store.setState(parseSettings(storage.read(SETTINGS_KEY)));
  });
  return store;
}
