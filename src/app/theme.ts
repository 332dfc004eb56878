import type { SettingsStore, Theme } from '../state/types.ts';

/** public/theme.js reads it before the first paint, long before the settings are there. */
const KEY = 'hypnos.theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function show(theme: Theme): void {
  const isDark = theme === 'dark' || (theme === 'system' && prefersDark.matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  const ground = getComputedStyle(document.documentElement).getPropertyValue('--ground').trim();
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground);
}

/** Shows the theme of the settings, and follows them and the system. */
export function followTheme(settings: SettingsStore): void {
  const apply = () => {
    const { theme } = settings.getState();
    show(theme);
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is blocked: the next start follows the system.
    }
  };
  apply();
  settings.subscribe((now, before) => {
    if (now.theme !== before.theme) apply();
  });
  prefersDark.addEventListener('change', apply);
}
