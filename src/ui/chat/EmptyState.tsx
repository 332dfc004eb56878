import { useTranslation } from 'react-i18next';
import { useChat, useSettings } from '../../state/hooks.ts';
import { Kbd } from '../components/index.ts';
import { Mark } from '../components/Mark.tsx';
import { composerKeys } from '../shortcuts/commands.ts';
import { canAsk } from './modelStatus.ts';
import { ReadyLine } from './ModelStatusLine.tsx';
import { useModelStatus } from './useModelStatus.ts';
import styles from './EmptyState.module.css';

const EXAMPLES = ['mh', 'spinal', 'nmb', 'airway', 'osa', 'last'] as const;

export interface EmptyStateProps {
  /** An example was put into the composer. */
  readonly onAsk: () => void;
}

/** Before the first question: what this is, whether it is ready, and what one may ask. */
export function EmptyState({ onAsk }: EmptyStateProps) {
  const { t } = useTranslation('chat');
  const send = useChat((state) => state.send);
  const setDraft = useChat((state) => state.setDraft);
  const keys = composerKeys(useSettings((state) => state.sendKey));
  const status = useModelStatus();

  const ask = (text: string): void => {
    if (canAsk(status)) void send(text);
    else {
      setDraft(text);
      onAsk();
    }
  };
  return (
    <div className={styles.scroller}>
      <div className={styles.content}>
        <Mark size={52} />
        <h2 className={styles.greeting}>{t('empty.greeting')}</h2>
        <p className={styles.subtitle}>{t('empty.subtitle')}</p>
        <div className={styles.state}>{status.kind === 'ready' && <ReadyLine />}</div>

        <h3 className={styles.examplesTitle} id="examples">
          {t('empty.examples')}
        </h3>
        <ul className={styles.examples} aria-labelledby="examples">
          {EXAMPLES.map((id) => (
            <li key={id}>
              <button
                type="button"
                className={styles.example}
                onClick={() => {
                  ask(t(`empty.example.${id}.text`));
                }}
              >
                <b>{t(`empty.example.${id}.title`)}</b>
                {/* Chinese in every language of the page: the models are. */}
                <span lang="zh-CN">{t(`empty.example.${id}.text`)}</span>
              </button>
            </li>
          ))}
        </ul>

        <dl className={styles.keys}>
          <div>
            <dt>{t('empty.keySend')}</dt>
            <dd>
              <Kbd keys={keys.send[0]} />
            </dd>
          </div>
          <div>
            <dt>{t('empty.keyNewline')}</dt>
            <dd>
              <Kbd keys={keys.newLine[0]} />
            </dd>
          </div>
          <div>
            <dt>{t('empty.keyStop')}</dt>
            <dd>
              <Kbd keys="escape" />
            </dd>
          </div>
          <div>
            <dt>{t('empty.keyHelp')}</dt>
            <dd>
              <Kbd keys="?" />
            </dd>
          </div>
        </dl>
      </div>
    </div>
  );
}
