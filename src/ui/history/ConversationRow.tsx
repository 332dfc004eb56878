import { useEffect, useRef } from 'react';
import type { KeyboardEvent } from 'react';
import { Download, Ellipsis, FileText, Pencil, Pin, PinOff, Trash2 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useChat, useStores } from '../../state/hooks.ts';
import type { Conversation } from '../../shared/types.ts';
import { IconButton, Menu, cx } from '../components/index.ts';
import { useShell } from '../shell.ts';
import { useTitleEdit } from './titleEdit.ts';
import type { TitleDone } from './titleEdit.ts';
import { useTransfer } from './transfer.ts';
import styles from './ConversationRow.module.css';

export interface ConversationRowProps {
  readonly conversation: Conversation;
  readonly isCurrent: boolean;
  readonly isTabStop: boolean;
  readonly onNavigate: () => void;
}

export function ConversationRow({ conversation, isCurrent, isTabStop, onNavigate }: ConversationRowProps) {
  const { t } = useTranslation('history');
  const { history } = useStores();
  const { exportConversations } = useTransfer();
  const isAnswering = useChat((state) => state.answering === conversation.id);
  const isRenaming = useShell((state) => state.renaming === conversation.id);
  const setRenaming = useShell((state) => state.setRenaming);
  const { id, pinned } = conversation;
  const title = conversation.title || t('untitled');
  const tabIndex = isTabStop ? 0 : -1;
  const link = useRef<HTMLAnchorElement>(null);

  const remove = () => void history.getState().remove(id);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Delete') remove();
    else if (event.key === 'F2') setRenaming(id);
    else return;
    event.preventDefault();
    event.stopPropagation(); // F2 is also the command that renames the conversation on screen
  };

  if (isRenaming) {
    return (
      <TitleEditor
        title={conversation.title}
        label={t('newTitle')}
        onDone={(next, byKey) => {
          setRenaming(null);
          if (byKey) requestAnimationFrame(() => link.current?.focus());
          if (next !== null) void history.getState().rename(id, next);
        }}
      />
    );
  }

  return (
    <div className={cx(styles.row, isCurrent && styles.current)}>
      <Link
        ref={link}
        href={`/c/${id}`}
        data-row={id}
        tabIndex={tabIndex}
        aria-current={isCurrent ? 'page' : undefined}
        title={title}
        className={styles.link}
        onClick={onNavigate}
        onKeyDown={onKeyDown}
        onDoubleClick={() => {
          setRenaming(id);
        }}
      >
        {isAnswering && <span className={styles.pulse} role="img" aria-label={t('answering')} />}
        {title}
      </Link>
      <Menu
        trigger={
          <IconButton
            label={t('actionsFor', { title })}
            size="s"
            tooltip={false}
            tabIndex={tabIndex}
            className={styles.more}
          >
            <Ellipsis size={16} aria-hidden />
          </IconButton>
        }
        entries={[
          {
            id: 'pin',
            label: t(pinned ? 'unpin' : 'pin'),
            icon: pinned ? <PinOff size={15} /> : <Pin size={15} />,
            onSelect: () => void history.getState().setPinned(id, !pinned),
          },
          {
            id: 'rename',
            label: t('rename'),
            icon: <Pencil size={15} />,
            onSelect: () => {
              setRenaming(id);
            },
          },
          {
            id: 'markdown',
            label: t('exportMarkdown'),
            icon: <FileText size={15} />,
            onSelect: () => void exportConversations('markdown', [id], title),
          },
          {
            id: 'json',
            label: t('exportJson'),
            icon: <Download size={15} />,
            onSelect: () => void exportConversations('json', [id], title),
          },
          'separator',
          { id: 'delete', label: t('delete'), icon: <Trash2 size={15} />, danger: true, onSelect: remove },
        ]}
      />
    </div>
  );
}

interface TitleEditorProps {
  readonly title: string;
  readonly label: string;
  readonly onDone: TitleDone;
}

function TitleEditor({ title, label, onDone }: TitleEditorProps) {
  const input = useRef<HTMLInputElement>(null);
  const { text, setText, finish } = useTitleEdit(title, onDone);

  useEffect(() => {
    // After the menu that led here has given the focus back.
    const frame = requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.select();
    });
    return () => {
      cancelAnimationFrame(frame);
    };
  }, []);

  return (
    <input
      ref={input}
      value={text}
      aria-label={label}
      maxLength={200}
      className={styles.editor}
      onChange={(event) => {
        setText(event.target.value);
      }}
      onBlur={() => {
        finish(true, false);
      }}
      onKeyDown={(event) => {
        // An Enter that ends a composition belongs to the input method.
        if (event.nativeEvent.isComposing) return;
        if (event.key === 'Enter') finish(true, true);
        if (event.key === 'Escape') finish(false, true);
        event.stopPropagation();
      }}
    />
  );
}
