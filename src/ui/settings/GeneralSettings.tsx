import { useTranslation } from 'react-i18next';
import { useSettings } from '../../state/hooks.ts';
import { Select } from '../components/controls.ts';
import { Field } from '../components/index.ts';
import { formatKeys } from '../shortcuts/keys.ts';

export function GeneralSettings() {
  const { t } = useTranslation('settings');
  const locale = useSettings((state) => state.locale);
  const theme = useSettings((state) => state.theme);
  const sendKey = useSettings((state) => state.sendKey);
  const update = useSettings((state) => state.update);
  return (
    <>
      <Field label={t('general.language')}>
        <Select
          label={t('general.language')}
          value={locale}
          options={[
            { value: 'zh-CN', label: '简体中文' },
            { value: 'en', label: 'English' },
          ]}
          onValueChange={(next) => {
            update({ locale: next });
          }}
        />
      </Field>
      <Field label={t('general.theme')}>
        <Select
          label={t('general.theme')}
          value={theme}
          options={(['system', 'light', 'dark'] as const).map((value) => ({
            value,
            label: t(`general.themes.${value}`),
          }))}
          onValueChange={(next) => {
            update({ theme: next });
          }}
        />
      </Field>
      <Field label={t('general.sendKey')} hint={t('general.sendKeyHint')}>
        <Select
          label={t('general.sendKey')}
          value={sendKey}
          options={[
            { value: 'enter', label: formatKeys('enter') },
            { value: 'ctrl-enter', label: formatKeys('mod+enter') },
          ]}
          onValueChange={(next) => {
            update({ sendKey: next });
          }}
        />
      </Field>
    </>
  );
}
