/** The application's settings: validated when read, clamped when changed, the same in every tab. */
import { createStore } from 'zustand/vanilla';
import { z } from 'zod/mini';
import { clampSampling } from '../history/sampling.ts';
import { DEFAULT_SAMPLING } from '../shared/types.ts';
import type { KeyValueStorage } from './ports.ts';
import type { SettingsActions, SettingsState, SettingsStore } from './types.ts';

// zod would probe for `new Function`, which the page's CSP reports as a violation.
z.config({ jitless: true });

const KEY = 'hypnos.settings';
export const SYSTEM_PROMPT_MAX = 20_000;

export const DEFAULT_SETTINGS: SettingsState = {
  locale: 'zh-CN',
  theme: 'system',
  sendKey: 'enter',
  engine: 'auto',
  systemPrompt: '',
  sampling: DEFAULT_SAMPLING,
};

/** A field that does not validate falls back alone; the others are kept. */
const schema = z.object({
  locale: z.catch(z.enum(['zh-CN', 'en']), DEFAULT_SETTINGS.locale),
  theme: z.catch(z.enum(['system', 'light', 'dark']), DEFAULT_SETTINGS.theme),
  sendKey: z.catch(z.enum(['enter', 'ctrl-enter']), DEFAULT_SETTINGS.sendKey),
  engine: z.catch(z.enum(['auto', 'web-llm', 'wllama']), DEFAULT_SETTINGS.engine),
  systemPrompt: z.catch(z.string().check(z.maxLength(SYSTEM_PROMPT_MAX)), DEFAULT_SETTINGS.systemPrompt),
  sampling: z.catch(
    z.pipe(
      z.record(z.string(), z.unknown()),
      z.transform((value) => clampSampling(value)),
    ),
    DEFAULT_SETTINGS.sampling,
  ),
});

export function parseSettings(text: string | null): SettingsState {
  if (text === null) return DEFAULT_SETTINGS;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : DEFAULT_SETTINGS;
  } catch {
    return DEFAULT_SETTINGS;
  }
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
    ...parseSettings(storage.read(KEY)),
    update: (change) => {
      set({
        ...change,
        ...(change.systemPrompt === undefined
          ? {}
          : { systemPrompt: change.systemPrompt.slice(0, SYSTEM_PROMPT_MAX) }),
        ...(change.sampling === undefined ? {} : { sampling: clampSampling(change.sampling) }),
      });
      storage.write(KEY, JSON.stringify(settingsOf(get())));
    },
    reset: () => {
      set(DEFAULT_SETTINGS);
      storage.write(KEY, null);
    },
  }));
  storage.watch(KEY, () => {
    store.setState(parseSettings(storage.read(KEY)));
  });
  return store;
}
