// Runs before the first paint, so that a night shift is not greeted by a white flash. src/app/theme.ts keeps the
// choice under this key and goes on from here.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem('hypnos.theme');
  } catch {
    // Storage is blocked: follow the system.
  }
  var dark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
