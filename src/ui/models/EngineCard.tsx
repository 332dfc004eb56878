import { useTranslation } from 'react-i18next';
import { useModel, useSettings, useStores } from '../../state/hooks.ts';
import { Select } from '../components/controls.ts';
import { Field } from '../components/index.ts';
import { useAnswerGuard } from './useAnswerGuard.tsx';
import { useEngineLine } from './useEngineLine.ts';

/** Which engine runs the model and why, and the choice of another. */
export function EngineCard() {
  const { t } = useTranslation('models');
  const { model } = useStores();
  const preference = useSettings((state) => state.engine);
  const update = useSettings((state) => state.update);
  const isIdle = useModel((state) => state.engine.phase === 'idle');
  const line = useEngineLine();
  const { guard, dialog } = useAnswerGuard('engine');
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
          if (engine === preference) return;
          guard(() => {
            update({ engine });
            if (!isIdle) void model.getState().reload();
          });
        }}
      />
      {dialog}
    </Field>
  );
}
