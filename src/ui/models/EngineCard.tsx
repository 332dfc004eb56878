import { useTranslation } from 'react-i18next';
import { useModel, useSettings, useStores } from '../../state/hooks.ts';
import { Select } from '../components/controls.ts';
import { Field } from '../components/index.ts';
import { useEngineLine } from './useEngineLine.ts';

/** Which engine runs the model and why, and the choice of another. */
export function EngineCard() {
  const { t } = useTranslation('models');
  const { model } = useStores();
  const preference = useSettings((state) => state.engine);
  const update = useSettings((state) => state.update);
  const isIdle = useModel((state) => state.engine.phase === 'idle');
  const line = useEngineLine();
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
          update({ engine });
          if (isIdle) return;
          const { unload, ensureLoaded } = model.getState();
          void unload().then(ensureLoaded);
        }}
      />
    </Field>
  );
}
