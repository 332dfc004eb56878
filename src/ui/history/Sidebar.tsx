import { useState } from 'react';
import { BookOpen, Calculator, Cpu, Keyboard, PanelLeftClose, Plus, Settings, Siren } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { useChat, useHistory } from '../../state/hooks.ts';
import { Button, IconButton, Kbd, cx } from '../components/index.ts';
import { Mark } from '../components/Mark.tsx';
import { useModelLine } from '../models/useModelLine.ts';
import { SearchBox } from '../search/SearchBox.tsx';
import { SearchResults } from '../search/SearchResults.tsx';
import { useShell } from '../shell.ts';
import { ConversationList } from './ConversationList.tsx';
import { OfflinePill } from './OfflinePill.tsx';
import styles from './Sidebar.module.css';

/** New conversation, search, the history, and the way to the other screens. */
export function Sidebar() {
  const { t } = useTranslation('shell');
  const [location, navigate] = useLocation();
  const [query, setQuery] = useState('');
  const currentId = useChat((state) => state.conversationId);
  const prepareSearch = useHistory((state) => state.prepareSearch);
  const isDrawer = useShell((state) => state.drawerOpen);
  const setDrawerOpen = useShell((state) => state.setDrawerOpen);
  const setFolded = useShell((state) => state.setSidebarFolded);
  const setShortcutsOpen = useShell((state) => state.setShortcutsOpen);
  const modelLine = useModelLine();

  const fold = () => {
    if (isDrawer) setDrawerOpen(false);
    else setFolded(true);
  };
  const onNavigate = () => {
    setDrawerOpen(false);
  };
  const isOnChat = location === '/' || location.startsWith('/c/');
  const links = [
    { href: '/dose', label: t('dose'), icon: <Calculator size={16} aria-hidden />, aside: null },
    { href: '/library', label: t('library'), icon: <BookOpen size={16} aria-hidden />, aside: null },
    { href: '/models', label: t('models'), icon: <Cpu size={16} aria-hidden />, aside: modelLine },
    { href: '/settings', label: t('settings'), icon: <Settings size={16} aria-hidden />, aside: null },
  ];

  return (
    <div className={styles.sidebar}>
      <header className={styles.header}>
        <Mark />
        <b className={styles.name}>Hypnos</b>
        <OfflinePill onNavigate={onNavigate} />
        <IconButton label={t('fold')} keys="mod+alt+b" size="s" onClick={fold}>
          <PanelLeftClose size={16} aria-hidden />
        </IconButton>
      </header>
      <Button
        variant="primary"
        icon={<Plus size={16} aria-hidden />}
        className={styles.create}
        onClick={() => {
          navigate('/');
          onNavigate();
        }}
      >
        {t('newConversation')}
        <Kbd keys="mod+alt+n" className={styles.createKeys} />
      </Button>
      <Link href="/crisis" className={styles.crisis} onClick={onNavigate}>
        <Siren size={16} aria-hidden />
        {t('crisis')}
        <Kbd keys="mod+k" className={styles.crisisKeys} />
      </Link>
      <SearchBox query={query} onQueryChange={setQuery} onOpen={() => void prepareSearch()} />
      <nav aria-label={t('conversations')} className={styles.history}>
        {query.trim() ? (
          <SearchResults query={query.trim()} onNavigate={onNavigate} />
        ) : (
          <ConversationList currentId={isOnChat ? currentId : null} onNavigate={onNavigate} />
        )}
      </nav>
      <nav aria-label={t('screens')} className={styles.screens}>
        {links.map(({ href, label, icon, aside }) => (
          <Link
            key={href}
            href={href}
            aria-current={location === href ? 'page' : undefined}
            className={cx(styles.screen, location === href && styles.current)}
            onClick={onNavigate}
          >
            {icon}
            <span>{label}</span>
            {aside && <small>{aside}</small>}
          </Link>
        ))}
        <button
          type="button"
          className={styles.screen}
          onClick={() => {
            onNavigate();
            setShortcutsOpen(true);
          }}
        >
          <Keyboard size={16} aria-hidden />
          <span>{t('shortcuts')}</span>
          <Kbd keys="?" className={styles.end} />
        </button>
      </nav>
    </div>
  );
}
