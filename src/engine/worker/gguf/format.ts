/**
 * The GGUF container, version 3, little-endian: magic, counts, metadata, tensor table, then the tensors' data, each at a
 * multiple of ALIGNMENT. Source: docs/gguf.md of the ggml project.
 */

export const ALIGNMENT = 32;

/** ggml_type numbers. */
export const TENSOR_TYPE = { f32: 0, f16: 1, q4_0: 2 } as const;
export type TensorType = keyof typeof TENSOR_TYPE;

/** Values in a Q4_0 block and bytes that hold them: a float16 scale and 16 bytes of nibbles. */
export const Q4_0 = { values: 32, bytes: 18 } as const;

export type MetadataValue =
  | { readonly type: 'u16' | 'i32' | 'u32' | 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] };

export interface TensorEntry {
  readonly name: string;
  readonly type: TensorType;
  /** Rows (outputs), then columns (inputs); a vector has its columns only. */
  readonly shape: readonly number[];
}

const VALUE_TYPE = { u16: 2, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, strings: 9 } as const;

/** Bytes of a tensor's data, padding not counted. */
export function tensorBytes({ type, shape }: TensorEntry): number {
  const values = shape.reduce((product, size) => product * size, 1);
  if (type === 'q4_0') return (values / Q4_0.values) * Q4_0.bytes;
  return values * (type === 'f16' ? 2 : 4);
}

/** Of a model in several files, what each says of itself (llama.cpp's gguf-split). */
export function splitMetadata(
  file: number,
  files: number,
  tensors: number,
): ReadonlyMap<string, MetadataValue> {
  return new Map<string, MetadataValue>([
    ['split.no', { type: 'u16', value: file }],
    ['split.count', { type: 'u16', value: files }],
    ['split.tensors.count', { type: 'i32', value: tensors }],
  ]);
}

/** Bytes of padding after data of this length. */
export const paddingAfter = (bytes: number): number => (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;

/** Everything before the tensors' data, which follows in the order of `tensors`. */
export function encodeHeader(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly TensorEntry[],
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.bytes(new TextEncoder().encode('GGUF'));
  writer.u32(3);
  writer.u64(tensors.length);
  writer.u64(metadata.size);
  for (const [key, entry] of metadata) {
    writer.string(key);
    writer.u32(VALUE_TYPE[entry.type]);
    switch (entry.type) {
      case 'u16':
        writer.bytes(Uint8Array.of(entry.value & 255, entry.value >> 8));
        break;
      case 'u32':
      case 'i32':
        writer.u32(entry.value);
        break;
      case 'f32':
        writer.f32(entry.value);
        break;
      case 'bool':
        writer.bytes(Uint8Array.of(entry.value ? 1 : 0));
        break;
      case 'string':
        writer.string(entry.value);
        break;
      case 'strings':
        writer.u32(VALUE_TYPE.string);
        writer.u64(entry.value.length);
        for (const text of entry.value) writer.string(text);
    }
  }
  let offset = 0;
  for (const tensor of tensors) {
    writer.string(tensor.name);
    writer.u32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) writer.u64(size); // ggml counts the fastest dimension first
    writer.u32(TENSOR_TYPE[tensor.type]);
    writer.u64(offset);
    const bytes = tensorBytes(tensor);
    offset += bytes + paddingAfter(bytes);
  }
  writer.bytes(new Uint8Array(paddingAfter(writer.length)));
  return writer.finish();
}

const encoder = new TextEncoder();

class Writer {
  #buffer = new Uint8Array(1 << 16);
  #view = new DataView(this.#buffer.buffer);
  length = 0;

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }
  f32(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.length, value, true);
    this.length += 4;
  }
  u64(value: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.length, value >>> 0, true);
    this.#view.setUint32(this.length + 4, Math.floor(value / 2 ** 32), true);
    this.length += 8;
  }
  /** Encoded in place: an array of its own for each of 150,000 tokens takes three times as long. */
  string(text: string): void {
    this.#reserve(8 + 3 * text.length);
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(this.length + 8));
    this.u64(written);
    this.length += written;
  }
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.length);
  }
  #reserve(count: number): void {
    if (this.length + count <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.length + count));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}
