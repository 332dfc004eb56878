import { memo, useEffect, useRef, useState } from 'react';
import { Copy, Pencil } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat, useSettings } from '../../state/hooks.ts';
import type { ThreadItem } from '../../state/types.ts';
import { copyText } from '../clipboard.ts';
import { Button, IconButton } from '../components/index.ts';
import { formatNumber } from '../format.ts';
import { PlainText } from '../markdown/PlainText.tsx';
import { neutralise } from '../markdown/neutralise.ts';
import { BranchSwitcher } from './BranchSwitcher.tsx';
import { canAsk } from './modelStatus.ts';
import { isComposing, isSend, keyFacts } from './sendKey.ts';
import { useModelStatus } from './useModelStatus.ts';
import styles from './messages.module.css';

/** Characters of a question that are shown before the reader asks for the rest. */
const MAX_SHOWN = 2_000;

export const QuestionMessage = memo(function QuestionMessage({ item }: { readonly item: ThreadItem }) {
  const { t } = useTranslation('chat');
  const [isEditing, setIsEditing] = useState(false);
  const isBusy = useChat((state) => state.streaming !== null);
  const isAble = canAsk(useModelStatus());
  const { message } = item;
  const editButton = useRef<HTMLButtonElement>(null);

  return (
    <article id={`message-${message.id}`} className={styles.question} aria-label={t('thread.question')}>
      {isEditing ? (
        <QuestionEditor
          item={item}
          onDone={() => {
            setIsEditing(false);
            requestAnimationFrame(() => editButton.current?.focus());
          }}
        />
      ) : (
        <>
          <QuestionText text={message.text} />
          <div className={styles.questionActions}>
            <BranchSwitcher item={item} />
            <IconButton
              size="s"
              label={t('actions.copyQuestion')}
              onClick={() => void copyText(message.text)}
            >
              <Copy size={15} aria-hidden />
            </IconButton>
            <IconButton
              ref={editButton}
              size="s"
              label={t('actions.edit')}
              disabled={isBusy || !isAble}
              onClick={() => {
                setIsEditing(true);
              }}
            >
              <Pencil size={15} aria-hidden />
            </IconButton>
          </div>
        </>
      )}
    </article>
  );
});

function QuestionText({ text }: { readonly text: string }) {
  const { t } = useTranslation('chat');
  const [showAll, setShowAll] = useState(false);
  const safe = neutralise(text);
  const isLong = safe.length > MAX_SHOWN * 1.2;
  return (
    <div className={styles.bubble}>
      <PlainText text={isLong && !showAll ? `${safe.slice(0, MAX_SHOWN)}…` : safe} />
      {isLong && !showAll && (
        <Button
          size="s"
          className={styles.showAll}
          onClick={() => {
            setShowAll(true);
          }}
        >
          {t('markdown.showAll', { total: formatNumber(safe.length) })}
        </Button>
      )}
    </div>
  );
}

function QuestionEditor({ item, onDone }: { readonly item: ThreadItem; readonly onDone: () => void }) {
  const { t } = useTranslation(['chat', 'common']);
  const editAndResend = useChat((state) => state.editAndResend);
  const sendKey = useSettings((state) => state.sendKey);
  const [text, setText] = useState(item.message.text);
  const field = useRef<HTMLTextAreaElement>(null);
  const canSave = text.trim() !== '';

  useEffect(() => {
    const element = field.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);

  const save = (): void => {
    if (!canSave) return;
    onDone();
    void editAndResend(item.message.id, text.trim());
  };
  return (
    <form
      className={styles.editor}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <textarea
        ref={field}
        value={text}
        rows={2}
        aria-label={t('chat:actions.editField')}
        onChange={(event) => {
          setText(event.target.value);
        }}
        onKeyDown={(event) => {
          if (isComposing(keyFacts(event))) return;
          if (event.key === 'Escape') {
            event.preventDefault();
            event.stopPropagation();
            onDone();
          } else if (isSend(keyFacts(event), sendKey)) {
            event.preventDefault();
            save();
          }
        }}
      />
      <div className={styles.editorActions}>
        <span>{t('chat:actions.editHint')}</span>
        <Button size="s" variant="ghost" onClick={onDone}>
          {t('common:cancel')}
        </Button>
        <Button size="s" variant="primary" type="submit" disabled={!canSave}>
          {t('chat:actions.saveEdit')}
        </Button>
      </div>
    </form>
  );
}
