import { Suspense, lazy, useEffect, useMemo } from 'react';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { useTranslation } from 'react-i18next';
import { Redirect, Route, Router, Switch } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { useModel, useStores } from '../state/hooks.ts';
import { ChatScreen } from '../ui/chat/index.ts';
import { ShellLayoutContext } from '../ui/components/layout.ts';
import { TooltipProvider } from '../ui/components/Tooltip.tsx';
import { findObstacle } from '../ui/device/problem.ts';
import { Sidebar } from '../ui/history/Sidebar.tsx';
import { UndoToast } from '../ui/history/UndoToast.tsx';
import { useShell } from '../ui/shell.ts';
import { ShortcutSheet } from '../ui/shortcuts/ShortcutSheet.tsx';
import { Banners } from './Banners.tsx';
import { COMMANDS, NARROW, listenForCommands } from './commands.ts';
import { SidebarDrawer } from './SidebarDrawer.tsx';
import { useConversationRoute, useDocumentTitle, useMediaQuery, useShellStore } from './hooks.ts';
import styles from './App.module.css';

const ToastViewport = lazy(() => import('../ui/components/ToastViewport.tsx'));
const ModelsScreen = lazy(async () => ({
  default: (await import('../ui/models/ModelsScreen.tsx')).ModelsScreen,
}));
const SettingsScreen = lazy(async () => ({
  default: (await import('../ui/settings/SettingsScreen.tsx')).SettingsScreen,
}));
const CrisisScreen = lazy(async () => ({
  default: (await import('../ui/crisis/CrisisScreen.tsx')).CrisisScreen,
}));
const DoseScreen = lazy(async () => ({
  default: (await import('../ui/dose/DoseScreen.tsx')).DoseScreen,
}));
const LibraryScreen = lazy(async () => ({
  default: (await import('../ui/library/LibraryScreen.tsx')).LibraryScreen,
}));
const DeviceScreen = lazy(async () => ({
  default: (await import('../ui/device/DeviceScreen.tsx')).DeviceScreen,
}));

export function App() {
  return (
    <CSPProvider disableStyleElements>
      <TooltipProvider delay={500}>
        {/* The address lives after the #, so that any static server serves every screen. */}
        <Router hook={useHashLocation}>
          <Frame />
        </Router>
        <Suspense>
          <ToastViewport />
        </Suspense>
      </TooltipProvider>
    </CSPProvider>
  );
}

function Frame() {
  const { t } = useTranslation('shell');
  const stores = useStores();
  const shell = useShellStore();
  const isNarrow = useMediaQuery(NARROW);
  const isFolded = useShell((state) => state.sidebarFolded);
  const setFolded = useShell((state) => state.setSidebarFolded);
  const setDrawerOpen = useShell((state) => state.setDrawerOpen);

  useEffect(() => listenForCommands({ stores, shell }), [stores, shell]);
  useDocumentTitle();
  const layout = useMemo(
    () => ({
      sidebarHidden: isNarrow || isFolded,
      openSidebar: () => {
        if (isNarrow) setDrawerOpen(true);
        else setFolded(false);
      },
    }),
    [isNarrow, isFolded, setDrawerOpen, setFolded],
  );

  return (
    <ShellLayoutContext value={layout}>
      <div className={styles.frame}>
        <a
          href="#main"
          className={styles.skip}
          onClick={(event) => {
            event.preventDefault(); // the address after the # is the screen's
            document.getElementById('main')?.focus();
          }}
        >
          {t('skip')}
        </a>
        {isNarrow ? (
          <SidebarDrawer />
        ) : (
          !isFolded && (
            <aside aria-label={t('sidebar')} className={styles.sidebar}>
              <Sidebar />
            </aside>
          )
        )}
        <main id="main" tabIndex={-1} className={styles.main}>
          <Banners />
          <Suspense fallback={<div className={styles.pending} />}>
            <Screens />
          </Suspense>
        </main>
      </div>
      <UndoToast />
      <ShortcutSheet commands={COMMANDS} />
    </ShellLayoutContext>
  );
}

function Screens() {
  return (
    <Switch>
      <Route path="/models">
        <ModelsScreen />
      </Route>
      <Route path="/settings">
        <SettingsScreen />
      </Route>
      <Route path="/crisis/:id?">{({ id }) => <CrisisScreen id={id ?? null} />}</Route>
      <Route path="/dose/:calculator?">{({ calculator }) => <DoseScreen page={calculator ?? null} />}</Route>
      <Route path="/library/:id?/:place?">
        {({ id, place }) => <LibraryScreen id={id ?? null} place={place ?? null} />}
      </Route>
      <Route path="/device">
        <DeviceScreen />
      </Route>
      <Route path="/c/:id/:message?">
        {({ id, message }) => <Conversation id={id} messageId={message ?? null} />}
      </Route>
      <Route path="/">
        <Conversation id={null} messageId={null} />
      </Route>
      <Route>
        <Redirect to="/" replace />
      </Route>
    </Switch>
  );
}

interface ConversationProps {
  readonly id: string | null;
  /** A message to show, from a search. */
  readonly messageId: string | null;
}

function Conversation({ id, messageId }: ConversationProps) {
  useConversationRoute(id, messageId);
  const isUnusable = useModel((state) => findObstacle(state.device, state.engine) !== null);
  // Old conversations stay readable on any device; a new one would lead nowhere.
  return id === null && isUnusable ? <DeviceScreen /> : <ChatScreen />;
}
