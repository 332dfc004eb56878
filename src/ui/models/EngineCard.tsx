import { useTranslation } from 'react-i18next';
import { Select } from '../components/controls.ts';
import { Field } from '../components/index.ts';
import { useEngineChoice } from './useEngineChoice.ts';
import { useEngineLine } from './useEngineLine.ts';

/** Which engine runs the model and why, and the choice of another. */
export function EngineCard() {
  const { t } = useTranslation('models');
  const line = useEngineLine();
  const { preference, choose, dialog } = useEngineChoice();
  return (
    <Field label={t('engine.label')} hint={line ?? t('engine.hint')}>
      <Select
        label={t('engine.label')}
        value={preference}
        options={(['auto', 'web-llm', 'wllama'] as const).map((value) => ({
          value,
          label: t(`engine.choices.${value}`),
        }))}
        onValueChange={(engine) => {
          if (engine !== preference) choose(engine);
        }}
      />
      {dialog}
    </Field>
  );
}
