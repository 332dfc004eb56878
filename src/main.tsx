import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './ui/base.css';
import { App } from './app/App.tsx';
import { ErrorBoundary } from './app/ErrorBoundary.tsx';
import { RecoveryScreen } from './app/RecoveryScreen.tsx';
import { createShell } from './app/shell.ts';
import { loadDefaultModel, showEnginePhase, startStores, tidyPackages } from './app/start.ts';
import { followTheme } from './app/theme.ts';
import { setLocale, startI18n } from './i18n/index.ts';
import { browserStorage } from './state/browser.ts';
import { StoresContext } from './state/hooks.ts';
import { SETTINGS_KEY, parseSettings } from './state/settings.ts';
import { ShellContext } from './ui/shell.ts';

const container = document.getElementById('root');
if (!container) throw new Error('index.html has no #root');
const root = createRoot(container);

try {
  const stores = startStores();
  const { settings } = stores;
  followTheme(settings);
  showEnginePhase(stores);
  await startI18n(settings.getState().locale);
  settings.subscribe((now, before) => {
    if (now.locale !== before.locale) void setLocale(now.locale).catch(() => undefined);
  });
  const shell = createShell(stores);
  root.render(
    <StrictMode>
      <ErrorBoundary>
        <StoresContext value={stores}>
          <ShellContext value={shell}>
            <App />
          </ShellContext>
        </StoresContext>
      </ErrorBoundary>
    </StrictMode>,
  );
  loadDefaultModel(stores, shell.getState().servedLocally);
  tidyPackages(stores);
} catch (error) {
  // In the language of the settings, if they can be read and its sentences come; the screen says the main things in both.
  const { locale } = parseSettings(browserStorage().read(SETTINGS_KEY));
  await startI18n(locale).catch(() => undefined);
  root.render(<RecoveryScreen error={error} />);
}
