// Runs before the first paint, so that a night shift is not greeted by a white flash. The settings are those of
// src/state/settings.ts; src/app/theme.ts goes on from here.
(function () {
  var theme = null;
  try {
    theme = JSON.parse(localStorage.getItem('hypnos.settings')).theme;
  } catch {
    // No settings yet, or storage is blocked: follow the system.
  }
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
