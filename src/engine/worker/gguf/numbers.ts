/** float16 <-> float32, and MLC's 4-bit groups -> GGUF's Q4_0 blocks. */
import { Q4_0 } from './format.ts';

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Bits of the float16 nearest to `value`, ties to even; what is too large becomes infinity. */
export function toHalf(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24. Math.round rounds ties up, float16 to even.
    const scaled = Math.abs(scratch[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** As `toHalf`, of all; TypedArray.from would take twenty times as long. */
export function toHalves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(values.length);
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < values.length; index += 1) {
    const magnitude = (source[index] ?? 0) & 0x7fffffff;
    if (magnitude < 0x38800000 || magnitude >= 0x47800000) bits[index] = toHalf(values[index] ?? 0);
    else {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      bits[index] = (((source[index] ?? 0) >>> 16) & 0x8000) | ((rounded - 0x38000000) >>> 13);
    }
  }
  return bits;
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const NIBBLES = 0x0f0f0f0f;
const OTHERS = 0xf0f0f0f0;

/**
 * Repacks groups of 32 weights. MLC: four uint32, eight nibbles each, the first in the lowest bits, value (q - 7) * s.
 * Q4_0: scale d as float16, then byte j with weight j low and weight j + 16 high, value (q - 8) * d. So every nibble
 * grows by one (they are 0 to 14) and nothing is lost but what float16 rounds off a float32 scale.
 *
 * @param words of `groups` groups, four each
 * @param scales float16 bits of each group
 * @param into 9 uint16 a group
 * @param rows of `columns` groups; each goes `stride` rows behind the one before it
 */
export function packQ4(
  words: Uint32Array,
  scales: Uint16Array,
  into: Uint16Array,
  rows: { readonly columns: number; readonly stride: number } = { columns: scales.length, stride: 1 },
): void {
  const { columns, stride } = rows;
  const block = Q4_0.bytes / 2;
  let to = 0;
  for (let row = 0; row < scales.length; row += columns, to += block * columns * (stride - 1)) {
    for (let group = row; group < row + columns; group += 1, to += block) {
      const from = group * 4;
      into[to] = scales[group] ?? 0;
      for (let half = 0; half < 2; half += 1) {
        const low = ((words[from + half] ?? 0) + 0x11111111) | 0;
        const high = ((words[from + half + 2] ?? 0) + 0x11111111) | 0;
        const even = (low & NIBBLES) | ((high & NIBBLES) << 4);
        const odd = ((low >>> 4) & NIBBLES) | (high & OTHERS);
        const at = to + 1 + half * 4;
        into[at] = (even & 0xff) | ((odd & 0xff) << 8);
        into[at + 1] = ((even >>> 8) & 0xff) | (odd & 0xff00);
        into[at + 2] = ((even >>> 16) & 0xff) | ((odd >>> 8) & 0xff00);
        into[at + 3] = (even >>> 24) | ((odd >>> 16) & 0xff00);
      }
    }
  }
}

/** The weights of MLC's groups: (q - 7) * s. @param into may end within the last group */
export function unpackQ4(words: Uint32Array, scales: Float32Array, into: Float32Array): void {
  for (let index = 0; index < into.length; index += 1) {
    const nibble = ((words[index >> 3] ?? 0) >>> (4 * (index & 7))) & 15;
    into[index] = (nibble - 7) * (scales[index >> 5] ?? 0);
  }
}
