import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { Download, FileJson, FileText, Pencil, SlidersHorizontal } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat, useHistory, useModel } from '../../state/hooks.ts';
import { IconButton, Menu, Pill, ScreenHeader } from '../components/index.ts';
import { formatNumber } from '../format.ts';
import { useTitleEdit } from '../history/titleEdit.ts';
import type { TitleDone } from '../history/titleEdit.ts';
import { useTransfer } from '../history/transfer.ts';
import { useName } from '../models/useOrigin.ts';
import { isComposing, keyFacts } from './sendKey.ts';
import { useContextSize, useCurrentPackage } from './useModelStatus.ts';
import styles from './ChatHeader.module.css';

const ConversationSettings = lazy(async () => ({
  default: (await import('./ConversationSettings.tsx')).ConversationSettings,
}));

export function ChatHeader() {
  const { t } = useTranslation('chat');
  const conversation = useChat((state) => state.conversation);
  const { exportConversations } = useTransfer();
  const [isSettingsOpen, setSettingsOpen] = useState(false);
  const [wasSettingsOpen, setWasOpen] = useState(false);
  const hasOwnSettings = useChat((state) => state.systemPrompt !== null || state.sampling !== null);

  return (
    <>
      <ScreenHeader title={<Title />}>
        <Chips />
        {conversation && (
          <Menu
            trigger={
              <IconButton label={t('header.export')} size="s" tooltip={false}>
                <Download size={17} aria-hidden />
              </IconButton>
            }
            entries={[
              {
                id: 'markdown',
                label: t('header.exportMarkdown'),
                icon: <FileText size={15} />,
                onSelect: () => void exportConversations('markdown', [conversation.id], conversation.title),
              },
              {
                id: 'json',
                label: t('header.exportJson'),
                icon: <FileJson size={15} />,
                onSelect: () => void exportConversations('json', [conversation.id], conversation.title),
              },
            ]}
          />
        )}
        <IconButton
          label={t('header.settings')}
          size="s"
          className={hasOwnSettings ? styles.changed : undefined}
          onClick={() => {
            setWasOpen(true);
            setSettingsOpen(true);
          }}
        >
          <SlidersHorizontal size={17} aria-hidden />
        </IconButton>
      </ScreenHeader>
      {wasSettingsOpen && (
        <Suspense>
          <ConversationSettings open={isSettingsOpen} onOpenChange={setSettingsOpen} />
        </Suspense>
      )}
    </>
  );
}

/** The same in every language. */
const ENGINE_NAMES = { 'web-llm': 'WebGPU', wllama: 'CPU' } as const;

/** What answers here: model, quantisation, engine, context window. */
function Chips() {
  const { t } = useTranslation('chat');
  const nameOf = useName();
  const model = useCurrentPackage();
  const size = useContextSize();
  const engine = useModel(({ engine: state }) =>
    state.phase === 'ready' || state.phase === 'generating' ? state.model.engine : null,
  );
  if (!model) return null;
  return (
    <ul className={styles.chips}>
      <li>
        <Pill className={styles.chip}>
          {engine && <i className={styles.live} aria-hidden />}
          {nameOf(model)} · {model.quantization}
        </Pill>
      </li>
      {engine && (
        <li className={styles.minor}>
          <Pill className={styles.chip}>{ENGINE_NAMES[engine]}</Pill>
        </li>
      )}
      {size !== null && (
        <li className={styles.minor}>
          <Pill className={styles.chip}>{t('header.context', { size: formatNumber(size) })}</Pill>
        </li>
      )}
    </ul>
  );
}

function Title() {
  const { t } = useTranslation('chat');
  const conversation = useChat((state) => state.conversation);
  const rename = useHistory((state) => state.rename);
  const [isEditing, setIsEditing] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const title = conversation?.title || t('untitled');

  if (!conversation) return <span className={styles.title}>{title}</span>;
  if (isEditing)
    return (
      <TitleField
        title={conversation.title}
        onDone={(next, byKey) => {
          setIsEditing(false);
          if (byKey) requestAnimationFrame(() => editButton.current?.focus());
          if (next) void rename(conversation.id, next);
        }}
      />
    );
  return (
    <span className={styles.titleLine}>
      <span
        className={styles.title}
        title={title}
        onDoubleClick={() => {
          setIsEditing(true);
        }}
      >
        {title}
      </span>
      <IconButton
        ref={editButton}
        label={t('header.rename')}
        keys="f2"
        size="s"
        className={styles.rename}
        onClick={() => {
          setIsEditing(true);
        }}
      >
        <Pencil size={14} aria-hidden />
      </IconButton>
    </span>
  );
}

interface TitleFieldProps {
  readonly title: string;
  readonly onDone: TitleDone;
}

function TitleField({ title, onDone }: TitleFieldProps) {
  const { t } = useTranslation('chat');
  const { text, setText, finish } = useTitleEdit(title, onDone);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);

  return (
    <input
      ref={field}
      className={styles.field}
      value={text}
      maxLength={200}
      aria-label={t('header.titleField')}
      onChange={(event) => {
        setText(event.target.value);
      }}
      onBlur={() => {
        finish(true, false);
      }}
      onKeyDown={(event) => {
        if (isComposing(keyFacts(event))) return;
        if (event.key !== 'Enter' && event.key !== 'Escape') return;
        event.preventDefault();
        finish(event.key === 'Enter', true);
      }}
    />
  );
}
