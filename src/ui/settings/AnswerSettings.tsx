import { useTranslation } from 'react-i18next';
import { DEFAULT_SAMPLING, SAMPLING_LIMITS } from '../../shared/types.ts';
import { useSettings } from '../../state/hooks.ts';
import { Slider } from '../components/controls.ts';
import { Button, TextArea } from '../components/index.ts';
import styles from './settings.module.css';

/** The two that matter most first; the rest as a conversation's own settings offer them. */
const FIGURES = ['temperature', 'maxTokens', 'topP', 'repetitionPenalty'] as const;

/** What new conversations start with. */
export function AnswerSettings() {
  const { t } = useTranslation('settings');
  const systemPrompt = useSettings((state) => state.systemPrompt);
  const sampling = useSettings((state) => state.sampling);
  const update = useSettings((state) => state.update);
  const isDefault =
    systemPrompt === '' && FIGURES.every((figure) => sampling[figure] === DEFAULT_SAMPLING[figure]);
  return (
    <>
      <TextArea
        label={t('answers.systemPrompt')}
        hint={t('answers.systemPromptHint')}
        placeholder={t('answers.systemPromptPlaceholder')}
        value={systemPrompt}
        maxLength={20_000}
        onChange={(event) => {
          update({ systemPrompt: event.target.value });
        }}
      />
      <div className={styles.figures}>
        {FIGURES.map((figure) => (
          <Slider
            key={figure}
            label={t(`answers.${figure}`)}
            hint={t(`answers.${figure}Hint`)}
            value={sampling[figure]}
            {...SAMPLING_LIMITS[figure]}
            onValueChange={(value) => {
              update({ sampling: { ...sampling, [figure]: value } });
            }}
          />
        ))}
      </div>
      <Button
        size="s"
        disabled={isDefault}
        onClick={() => {
          update({ systemPrompt: '', sampling: DEFAULT_SAMPLING });
        }}
      >
        {t('answers.reset')}
      </Button>
    </>
  );
}
