/**
 * Numbers as they are shown: a digit before the point, no trailing zero, no exponent, no grouping sign that could be a
 * decimal one (ISMP: 0.5 and never .5, 5 and never 5.0).
 */
const SIGNIFICANT = 3;
/** Binary fractions: 0.3 / 0.1 is just below 3. */
const EPSILON = 1e-9;

const decimalsFor = (value: number, significant: number): number =>
  value === 0 ? 0 : Math.min(12, Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(value)))));

const plain = (value: number, decimals: number): string => {
  const text = value.toFixed(decimals);
  return text.includes('.') ? text.replace(/\.?0+$/u, '') : text;
};

/** To the nearest, three significant digits, whole numbers kept whole. */
export const formatNearest = (value: number): string => plain(value, decimalsFor(value, SIGNIFICANT));

/** Towards zero: for what must not be exceeded. */
export function formatDown(value: number): string {
  const decimals = decimalsFor(value, SIGNIFICANT);
  const scale = 10 ** decimals;
  return plain(Math.floor(value * scale * (1 + EPSILON)) / scale, decimals);
}

/** An input as it was given. */
export const formatExact = (value: number): string => plain(value, decimalsFor(value, 9));
