import type { SettingsStore, Theme } from '../state/types.ts';

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function show(theme: Theme): void {
  const isDark = theme === 'dark' || (theme === 'system' && prefersDark.matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  const ground = getComputedStyle(document.documentElement).getPropertyValue('--ground').trim();
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground);
}

/** Shows the theme of the settings, and follows them and the system. Before it, public/theme.js has done the same. */
export function followTheme(settings: SettingsStore): void {
  const apply = () => {
    show(settings.getState().theme);
  };
  apply();
  settings.subscribe((now, before) => {
    if (now.theme !== before.theme) apply();
  });
  prefersDark.addEventListener('change', apply);
}
