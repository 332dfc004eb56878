import { useTranslation } from 'react-i18next';
import type { HypnosErrorCode } from '../../shared/errors.ts';
import { useModel, useSettings } from '../../state/hooks.ts';
import { Button } from '../components/index.ts';

/** What the processor does without. */
const OF_THE_GPU: readonly HypnosErrorCode[] = [
  'gpu-out-of-memory',
  'gpu-device-lost',
  'shader-f16-missing',
  'webgpu-too-weak',
  'webgpu-unavailable',
];

export interface UseCpuButtonProps {
  /** Why the model does not run. */
  readonly code: HypnosErrorCode;
  readonly variant?: 'primary';
  /** What to load then; without it, the model that is or was loaded. */
  readonly onChosen?: () => void;
}

/** After a failure of the GPU: the CPU from now on, slower and steady. Nothing after other errors, or on the CPU. */
export function UseCpuButton({ code, variant, onChosen }: UseCpuButtonProps) {
  const { t } = useTranslation('models');
  const isOnCpu = useSettings((state) => state.engine === 'wllama');
  const update = useSettings((state) => state.update);
  const reload = useModel((state) => state.reload);
  if (isOnCpu || !OF_THE_GPU.includes(code)) return null;
  return (
    <Button
      size="s"
      {...(variant && { variant })}
      onClick={() => {
        update({ engine: 'wllama' });
        if (onChosen) onChosen();
        else void reload();
      }}
    >
      {t('engine.useCpu')}
    </Button>
  );
}
