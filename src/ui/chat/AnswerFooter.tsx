import { ChevronDown, Copy, FileText, RefreshCw, Text } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useChat } from '../../state/hooks.ts';
import type { ThreadItem } from '../../state/types.ts';
import { copyText } from '../clipboard.ts';
import { Button, IconButton, Menu } from '../components/index.ts';
import { formatNumber } from '../format.ts';
import { answerCopy, type CopyFormat } from './answerCopy.ts';
import { BranchSwitcher } from './BranchSwitcher.tsx';
import { canAsk } from './modelStatus.ts';
import { useModelStatus } from './useModelStatus.ts';
import styles from './messages.module.css';

const lengthOf = (text: string): number => Array.from(text.replace(/\s+/g, '')).length;

export function AnswerFooter({ item }: { readonly item: ThreadItem }) {
  const { t, i18n } = useTranslation('chat');
  const regenerate = useChat((state) => state.regenerate);
  const isBusy = useChat((state) => state.streaming !== null);
  const isAble = canAsk(useModelStatus());
  const { message } = item;
  const { stats, text } = message;

  const copy = (format: CopyFormat): void => {
    const attribution = message.model
      ? t('copy.attribution', { model: message.model.title })
      : t('copy.attributionNoModel');
    void answerCopy(message, format, attribution).then(copyText);
  };
  const number = (value: number, digits = 0): string =>
    new Intl.NumberFormat(i18n.language, { maximumFractionDigits: digits }).format(value);

  return (
    <footer className={styles.footer} aria-label={t('actions.label')}>
      {text !== '' && (
        <span className={styles.copy}>
          <Button
            size="s"
            variant="ghost"
            icon={<Copy size={15} aria-hidden />}
            onClick={() => {
              copy('text');
            }}
          >
            {t('actions.copy')}
          </Button>
          <Menu
            align="start"
            trigger={
              <IconButton size="s" tooltip={false} label={t('actions.more')} className={styles.copyMore}>
                <ChevronDown size={14} aria-hidden />
              </IconButton>
            }
            entries={[
              {
                id: 'text',
                label: t('actions.copyText'),
                icon: <Text size={15} />,
                onSelect: () => {
                  copy('text');
                },
              },
              {
                id: 'markdown',
                label: t('actions.copyMarkdown'),
                icon: <FileText size={15} />,
                onSelect: () => {
                  copy('markdown');
                },
              },
            ]}
          />
        </span>
      )}
      <Button
        size="s"
        variant="ghost"
        icon={<RefreshCw size={15} aria-hidden />}
        disabled={isBusy || !isAble}
        onClick={() => void regenerate(message.id)}
      >
        {t('actions.regenerate')}
      </Button>
      <BranchSwitcher item={item} />
      <span
        className={styles.stats}
        title={
          stats
            ? t('stats.title', {
                prompt: number(stats.promptTokens),
                completion: number(stats.completionTokens),
                first: number(stats.timeToFirstTokenSeconds, 2),
              })
            : undefined
        }
      >
        {text !== '' && t('stats.characters', { shown: formatNumber(lengthOf(text)) })}
        {stats && stats.decodeTokensPerSecond > 0 && (
          <>
            {' '}
            ·{' '}
            {t('stats.speed', {
              speed: number(stats.decodeTokensPerSecond, stats.decodeTokensPerSecond < 10 ? 1 : 0),
            })}
          </>
        )}
      </span>
    </footer>
  );
}
