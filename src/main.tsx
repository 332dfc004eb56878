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
import { StoresContext } from './state/hooks.ts';
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
  await startI18n('zh-CN');
  root.render(<RecoveryScreen error={error} />);
}
