import '../../i18n/library.ts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { SAMPLING_LIMITS, type SamplingSettings } from '../../shared/types.ts';
import { useChat, useSettings } from '../../state/hooks.ts';
import { Slider, Switch } from '../components/controls.ts';
import { Button, Dialog, Field, TextArea, TextField } from '../components/index.ts';
import { formatNumber } from '../format.ts';
import { parseSeed } from './seed.ts';
import { useContextSize } from './useModelStatus.ts';
import styles from './ConversationSettings.module.css';

const MAX_SYSTEM_PROMPT = 20_000;
const FIRST = ['temperature', 'maxTokens', 'topP', 'repetitionPenalty'] as const;

export interface ConversationSettingsProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

/**
 * System prompt and sampling of this conversation. What equals the application's defaults is not stored, so that the
 * conversation goes on following them. Written in one piece when the dialog is closed, and it closes when that is stored.
 */
export function ConversationSettings({ open, onOpenChange }: ConversationSettingsProps) {
  const { t } = useTranslation(['chat', 'settings', 'library']);
  const sources = useChat((state) => state.sources);
  const setSources = useChat((state) => state.setSources);
  const ownPrompt = useChat((state) => state.systemPrompt);
  const ownSampling = useChat((state) => state.sampling);
  const setAnswering = useChat((state) => state.setAnswering);
  const defaultPrompt = useSettings((state) => state.systemPrompt);
  const defaultSampling = useSettings((state) => state.sampling);
  const used = useChat((state) => state.contextTokens);
  const size = useContextSize();

  // While it is open, what has been changed; null: as stored.
  const [prompt, setPrompt] = useState<string | null>(null);
  const [sampling, setEdited] = useState<SamplingSettings | null>(null);
  const [seed, setSeed] = useState<string | null>(null);

  const shownPrompt = prompt ?? ownPrompt ?? '';
  const shown = sampling ?? ownSampling ?? defaultSampling;
  const shownSeed = seed ?? (shown.seed === undefined ? '' : String(shown.seed));
  const parsedSeed = parseSeed(shownSeed);
  const isCustom =
    shownPrompt.trim() !== '' || !isSame(shown, defaultSampling) || shownSeed !== seedOf(defaultSampling);

  const close = async (): Promise<void> => {
    const nextPrompt = shownPrompt.trim() === '' ? null : shownPrompt;
    const { seed: stored, ...rest } = shown;
    const nextSeed = parsedSeed === null ? stored : parsedSeed;
    const next: SamplingSettings = nextSeed === undefined ? rest : { ...rest, seed: nextSeed };
    const nextSampling = isSame(next, defaultSampling) ? null : next;
    if (nextPrompt !== ownPrompt || !isSameOrNull(nextSampling, ownSampling))
      await setAnswering({ systemPrompt: nextPrompt, sampling: nextSampling });
    setPrompt(null);
    setEdited(null);
    setSeed(null);
    onOpenChange(false);
  };
  const reset = (): void => {
    setPrompt('');
    setEdited(defaultSampling);
    setSeed(seedOf(defaultSampling));
  };
  const change = (name: keyof SamplingSettings) => (value: number) => {
    setEdited({ ...shown, [name]: value });
  };
  const maxTokens = {
    ...SAMPLING_LIMITS.maxTokens,
    max: Math.min(SAMPLING_LIMITS.maxTokens.max, size ?? Infinity),
  };

  return (
    <Dialog
      open={open}
      onOpenChange={(next) => {
        if (!next) void close();
      }}
      title={t('chat:settings.title')}
      description={t('chat:settings.description')}
      footer={
        <>
          <span className={styles.state}>
            {isCustom ? t('chat:settings.isCustom') : t('chat:settings.isDefault')}
          </span>
          <Button disabled={!isCustom} onClick={reset}>
            {t('chat:settings.reset')}
          </Button>
          <Button variant="primary" onClick={() => void close()}>
            {t('chat:settings.done')}
          </Button>
        </>
      }
    >
      <div className={styles.fields}>
        <TextArea
          label={t('settings:answers.systemPrompt')}
          hint={t('chat:settings.systemPromptHint')}
          placeholder={defaultPrompt || t('chat:settings.systemPromptPlaceholder')}
          value={shownPrompt}
          maxLength={MAX_SYSTEM_PROMPT}
          rows={3}
          onChange={(event) => {
            setPrompt(event.target.value);
          }}
        />
        <Field label={t('library:sources.switch')} hint={t('library:sources.switchHint')}>
          <Switch
            label={t('library:sources.switch')}
            labelHidden
            checked={sources}
            onCheckedChange={(isOn) => void setSources(isOn)}
          />
        </Field>
        <div className={styles.sliders}>
          {FIRST.map((name) => (
            <Slider
              key={name}
              label={t(`settings:answers.${name}`)}
              hint={t(`settings:answers.${name}Hint`)}
              value={shown[name]}
              {...(name === 'maxTokens' ? maxTokens : SAMPLING_LIMITS[name])}
              onValueChange={change(name)}
            />
          ))}
        </div>
        <details className={styles.advanced}>
          <summary>{t('chat:settings.advanced')}</summary>
          <div className={styles.sliders}>
            {(['frequencyPenalty', 'presencePenalty'] as const).map((name) => (
              <Slider
                key={name}
                label={t(`chat:settings.${name}`)}
                hint={t(`chat:settings.${name}Hint`)}
                value={shown[name]}
                {...SAMPLING_LIMITS[name]}
                onValueChange={change(name)}
              />
            ))}
            <TextField
              label={t('chat:settings.seed')}
              hint={
                parsedSeed === null
                  ? t('chat:settings.seedInvalid', { max: formatNumber(SAMPLING_LIMITS.seed.max) })
                  : t('chat:settings.seedHint')
              }
              inputMode="numeric"
              aria-invalid={parsedSeed === null}
              value={shownSeed}
              onChange={(event) => {
                setSeed(event.target.value);
              }}
            />
          </div>
        </details>
        {size !== null && (
          <p className={styles.context}>
            {used === null
              ? t('chat:settings.contextUnknown', { size: formatNumber(size) })
              : t('chat:settings.contextInfo', { size: formatNumber(size), used: formatNumber(used) })}
          </p>
        )}
      </div>
    </Dialog>
  );
}

const seedOf = ({ seed }: SamplingSettings): string => (seed === undefined ? '' : String(seed));

function isSameOrNull(one: SamplingSettings | null, other: SamplingSettings | null): boolean {
  return one === null || other === null ? one === other : isSame(one, other);
}

function isSame(one: SamplingSettings, other: SamplingSettings): boolean {
  const names = Object.keys({ ...one, ...other }) as (keyof SamplingSettings)[];
  return names.every((name) => one[name] === other[name]);
}
