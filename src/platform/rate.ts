/** How fast bytes move. */
const RATE_WINDOW_MS = 4000;

/** Bytes per second over the last seconds; null until half a second has been seen. */
export function createRateMeter(): (bytesDone: number, now: number) => number | null {
  const samples: { readonly bytes: number; readonly at: number }[] = [];
  return (bytes, at) => {
    samples.push({ bytes, at });
    while (samples.length > 2 && at - (samples[1]?.at ?? at) > RATE_WINDOW_MS) samples.shift();
    const [oldest] = samples;
    if (!oldest || at - oldest.at < 500) return null;
    return Math.max(0, (bytes - oldest.bytes) / ((at - oldest.at) / 1000));
  };
}
