/** How fast the loaded model is on this machine: one short answer, the same every time. */
import type { EngineClient } from '../engine/client/types.ts';
import { DEFAULT_SAMPLING } from '../shared/types.ts';
import type { GenerationStats } from '../shared/types.ts';

const QUESTION = '请简要说明全身麻醉从术前评估到苏醒的主要步骤，以及每一步需要注意什么。';
const TOKENS = 64;

/** @throws HypnosError as EngineClient.generate; `signal` ends it early, with figures of nothing */
export async function measureSpeed(
  engine: Pick<EngineClient, 'generate'>,
  signal?: AbortSignal,
): Promise<GenerationStats> {
  const { stats } = await engine.generate(
    {
      id: crypto.randomUUID(),
      turns: [{ role: 'user', content: QUESTION }],
      sampling: { ...DEFAULT_SAMPLING, temperature: 0, maxTokens: TOKENS },
    },
    { onText: () => {} },
    signal,
  );
  return stats;
}
