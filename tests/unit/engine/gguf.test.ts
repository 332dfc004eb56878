import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHeader, paddingAfter, tensorBytes } from '../../../src/engine/worker/gguf/format.ts';
import { fromHalf, packQ4, toHalf, toHalves } from '../../../src/engine/worker/gguf/numbers.ts';
import {
  metadataOf,
  rowRanges,
  rowRuns,
  rowsTogether,
  tokenIds,
  tokenName,
} from '../../../src/engine/worker/gguf/plan.ts';
import type { Family, Hyperparameters, RowRange } from '../../../src/engine/worker/gguf/plan.ts';
import { planTranscoding } from '../../../src/engine/worker/gguf/transcode.ts';
import type { TensorShard } from '../../../src/engine/worker/gguf/transcode.ts';

const model = (family: Family): Hyperparameters => ({
  family,
  hiddenSize: 64,
  intermediateSize: 96,
  layers: 1,
  heads: 2,
  keyValueHeads: 1,
  headSize: 32,
  vocabularySize: 5,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  ropeScaling: null,
});

describe('float16', () => {
  test('every value survives a way there and back', () => {
    const all = Array.from({ length: 0x10000 }, (_, bits) => bits).filter(
      (bits) => !Number.isNaN(fromHalf(bits)),
    );
    expect(all.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
    expect(toHalf(NaN) & 0x7fff).toBe(0x7e00);
  });

  test('many at once are as one by one', () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true }), (values) => {
        expect([...toHalves(values)]).toEqual([...values].map(toHalf));
      }),
    );
  });

  test('any other value becomes the nearest one', () => {
    fc.assert(
      fc.property(fc.float({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
        const bits = toHalf(value);
        const error = Math.abs(fromHalf(bits) - value);
        for (const other of [bits - 1, bits + 1]) {
          if ((other & 0x7fff) < 0x7c00 && other >= 0)
            expect(Math.abs(fromHalf(other) - value)).toBeGreaterThanOrEqual(error);
        }
      }),
    );
  });
});

/** Values of MLC groups: eight nibbles a word, the first lowest, (q - 7) * s. */
const mlcValues = (words: Uint32Array, scale: number) =>
  Array.from({ length: 32 }, (_, at) => ((((words[at >> 3] ?? 0) >>> (4 * (at % 8))) & 15) - 7) * scale);
/** Values of a Q4_0 block, by ggml's dequantize_row_q4_0. */
function q4Values(block: Uint8Array): number[] {
  const scale = fromHalf((block[0] ?? 0) | ((block[1] ?? 0) << 8));
  const nibbles = [...block.subarray(2)];
  return [...nibbles.map((byte) => byte & 15), ...nibbles.map((byte) => byte >> 4)].map(
    (nibble) => (nibble - 8) * scale,
  );
}
const anyNibbles = fc.array(fc.integer({ min: 0, max: 14 }), { minLength: 32, maxLength: 32 });
const toWords = (nibbles: readonly number[]) =>
  Uint32Array.from({ length: 4 }, (_, word) =>
    nibbles.slice(word * 8, word * 8 + 8).reduce((sum, nibble, at) => sum + nibble * 16 ** at, 0),
  );

test('a 4-bit group and its Q4_0 block hold the same weights', () => {
  fc.assert(
    fc.property(anyNibbles, fc.float({ min: Math.fround(1e-4), max: 10, noNaN: true }), (nibbles, scale) => {
      const half = toHalf(scale);
      const out = new Uint16Array(9);
      packQ4(toWords(nibbles), Uint16Array.of(half), out);
      expect(q4Values(new Uint8Array(out.buffer))).toEqual(mlcValues(toWords(nibbles), fromHalf(half)));
    }),
  );
});

test('groups of several rows, or of every second one, are as group by group', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyNibbles, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(1, 2),
      (rows, stride) => {
        const groups = rows.flat();
        const words = Uint32Array.from(groups.flatMap((nibbles) => [...toWords(nibbles)]));
        const scales = Uint16Array.from(groups, (_, at) => 0x3c00 + at);
        const out = new Uint16Array(rows.length * 3 * 9 * stride);
        packQ4(words, scales, out, { columns: 3, stride });
        for (const [at, nibbles] of groups.entries()) {
          const one = new Uint16Array(9);
          packQ4(toWords(nibbles), scales.slice(at, at + 1), one);
          const to = Math.floor(at / 3) * 3 * stride + (at % 3);
          expect(out.slice(to * 9, (to + 1) * 9)).toEqual(one);
        }
        for (let row = 1; row < rows.length * stride; row += stride)
          if (stride === 2) expect(Math.max(...out.slice(row * 27, (row + 1) * 27))).toBe(0);
      },
    ),
  );
});

/** By row of a range: the row of the source; taken in pieces of so many rows that stay together. */
function sourceRows(range: RowRange, piece = Infinity): readonly number[] {
  const step = Math.min(range.rows, piece * rowsTogether(range));
  const sources: number[] = [];
  for (let first = 0; first < range.rows; first += step) {
    for (const { from, to, rows, stride } of rowRuns(range, first, Math.min(step, range.rows - first)))
      for (let row = 0; row < rows; row += 1) sources[first + to + row * stride] = from + row;
  }
  return sources;
}

describe('rows', () => {
  test('of fused parameters go to each tensor once, and to no other', () => {
    for (const family of ['llama', 'mistral', 'qwen2', 'qwen3'] as const) {
      const ranges = rowRanges('model.layers.0.self_attn.qkv_proj.weight', 128, model(family));
      expect(ranges.map(({ name }) => name)).toEqual([
        'blk.0.attn_q.weight',
        'blk.0.attn_k.weight',
        'blk.0.attn_v.weight',
      ]);
      const rows = ranges.flatMap((range) => sourceRows(range));
      expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 128 }, (_, row) => row));
    }
  });

  test('of queries and keys lie in pairs for llama only', () => {
    const first = (family: Family) => {
      const [query] = rowRanges('model.layers.0.self_attn.qkv_proj.weight', 128, model(family));
      return [0, 1, 2, 3, 32].map((row) => sourceRows(query!)[row]);
    };
    expect(first('llama')).toEqual([0, 16, 1, 17, 32]);
    expect(first('mistral')).toEqual([0, 16, 1, 17, 32]);
    expect(first('qwen2')).toEqual([0, 1, 2, 3, 32]);
  });

  test('are the same in pieces of any size', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Family>('llama', 'qwen2'),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 7 }),
        (family, heads, piece) => {
          const like = { ...model(family), heads };
          for (const range of rowRanges('model.layers.0.self_attn.qkv_proj.weight', heads * 32 + 64, like))
            expect(sourceRows(range, piece)).toEqual(sourceRows(range));
        },
      ),
    );
  });

  test('that belong nowhere are refused', () => {
    expect(() => rowRanges('model.layers.0.mlp.experts.weight', 4, model('qwen2'))).toThrow(
      /package-unsupported/,
    );
    expect(() => rowRanges('model.layers.0.self_attn.qkv_proj.weight', 127, model('qwen2'))).toThrow(
      /package-unsupported/,
    );
  });
});

test('token ids survive a way through text, whatever the tokens stand for', () => {
  const token = fc.tuple(fc.nat(200_000), fc.option(fc.uint8Array({ maxLength: 6 })));
  fc.assert(
    fc.property(fc.array(token), (tokens) => {
      const names = tokens.map(([id, bytes]) => tokenName(id, bytes));
      expect(tokenIds(names.join(''))).toEqual(tokens.map(([id]) => id));
    }),
  );
  expect(() => tokenIds('12;!')).toThrow(/generation-failed/);
});

test('a file is as long as its header says, wherever the shards are cut', async () => {
  const plan = model('qwen2');
  const tensors = [
    { name: 'model.embed_tokens.q_weight', shape: [5, 8], dtype: 'uint32' as const, nbytes: 160 },
    { name: 'model.embed_tokens.q_scale', shape: [5, 2], dtype: 'float32' as const, nbytes: 40 },
    { name: 'model.norm.weight', shape: [64], dtype: 'float32' as const, nbytes: 256 },
  ];
  const outputs: string[] = [];
  for (const cut of [0, 1, 2]) {
    const shards: TensorShard[] = [tensors.slice(0, cut), tensors.slice(cut)]
      .filter((list) => list.length > 0)
      .map((list, index) => {
        let at = 0;
        return {
          dataPath: `shard-${index}`,
          records: list.map((tensor) => ({ ...tensor, byteOffset: (at += tensor.nbytes) - tensor.nbytes })),
        };
      });
    const read = (path: string) => {
      const { records } = shards.find(({ dataPath }) => dataPath === path)!;
      const bytes = new Uint8Array(records.reduce((sum, { nbytes }) => sum + nbytes, 0));
      for (const { name, byteOffset, nbytes } of records) {
        if (name.endsWith('q_weight')) bytes.fill(0x77, byteOffset, byteOffset + nbytes);
        else new Float32Array(bytes.buffer, byteOffset, nbytes / 4).fill(0.5);
      }
      return Promise.resolve(bytes);
    };
    const transcoding = planTranscoding(
      shards,
      plan,
      metadataOf(plan, 64, 2, () => null),
    );
    const pieces: Uint8Array[] = [];
    for await (const { bytes } of transcoding.pieces(read)) pieces.push(bytes);
    const embedding = tensorBytes({ name: '', type: 'q4_0', shape: [5, 64] });
    expect(pieces.map(({ length }) => length)).toEqual([embedding, paddingAfter(embedding), 256]);
    expect(transcoding.headers.map(({ length }) => length % 32)).toEqual([0]);
    outputs.push(Buffer.concat([...transcoding.headers, ...pieces]).toString('hex'));
  }
  expect(new Set(outputs).size).toBe(1);
});

/** As docs/gguf.md of ggml says; `tensors` with their data. */
function parseGguf(file: Buffer) {
  let at = 8;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return file.toString('utf8', at, (at += length));
  };
  expect(file.toString('latin1', 0, 4)).toBe('GGUF');
  const tensorCount = u64();
  const keyCount = u64();
  const value = (type: number): unknown => {
    if (type === 2) return file.readUInt16LE((at += 2) - 2);
    if (type === 5) return file.readInt32LE((at += 4) - 4);
    if (type === 4) return u32();
    if (type === 6) return file.readFloatLE((at += 4) - 4);
    if (type === 7) return file[at++] === 1;
    if (type === 8) return text();
    const of = u32();
    return Array.from({ length: u64() }, () => value(of));
  };
  const metadata = new Map(Array.from({ length: keyCount }, () => [text(), value(u32())] as const));
  const table = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    return { name, shape, type: u32(), offset: u64() };
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = table.map(({ offset, ...tensor }, index) => {
    expect(offset % 32).toBe(0);
    const end = table[index + 1]?.offset ?? file.length - start;
    return { ...tensor, data: file.subarray(start + offset, start + end).toString('hex') };
  });
  return { metadata, tensors, bytes: file.length - start };
}

test('files of a split model hold the tensors of the whole one, each once, and say how many they are', async () => {
  const plan = { ...model('llama'), ropeScaling: null, layers: 3 };
  const layers = Array.from({ length: 3 }, (_, layer) => `model.layers.${layer}`);
  const tensors = [
    ...layers.flatMap((layer) => [
      { name: `${layer}.self_attn.qkv_proj.weight`, shape: [128, 64], dtype: 'float16' as const },
      { name: `${layer}.input_layernorm.weight`, shape: [64], dtype: 'float32' as const },
    ]),
    { name: 'model.norm.weight', shape: [64], dtype: 'float32' as const },
  ].map((tensor) => {
    const values = tensor.shape.reduce((product, size) => product * size, 1);
    return { ...tensor, nbytes: values * (tensor.dtype === 'float16' ? 2 : 4) };
  });
  let byteOffset = 0;
  const records = tensors.map((tensor) => ({
    ...tensor,
    byteOffset: (byteOffset += tensor.nbytes) - tensor.nbytes,
  }));
  const shard = new Uint8Array(byteOffset).map((_, index) => (index * 31) & 0x3b);
  const scaled = {
    ...plan,
    ropeScaling: { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64 },
  };
  async function filesOf(of: Hyperparameters, fileBytesMax?: number) {
    const metadata = metadataOf(of, 64, 2, () => null);
    const transcoding = planTranscoding([{ dataPath: 'one', records }], of, metadata, fileBytesMax);
    const files = transcoding.headers.map((header) => [header]);
    for await (const { file, bytes } of transcoding.pieces(() => Promise.resolve(shard)))
      files[file]!.push(bytes);
    return files.map((parts) => parseGguf(Buffer.concat(parts)));
  }
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60_000 }), fc.boolean(), async (fileBytesMax, isScaled) => {
      const of = isScaled ? scaled : plan;
      const [whole] = await filesOf(of);
      const files = await filesOf(of, fileBytesMax);
      expect(files.flatMap((file) => file.tensors)).toEqual(whole!.tensors);
      for (const [index, { metadata, tensors: own, bytes }] of files.entries()) {
        expect(own.length).toBeGreaterThan(0);
        if (own.length > 1) expect(bytes).toBeLessThanOrEqual(fileBytesMax);
        if (files.length === 1) continue;
        expect(metadata.get('split.no')).toBe(index);
        expect(metadata.get('split.count')).toBe(files.length);
        expect(metadata.get('split.tensors.count')).toBe(whole!.tensors.length);
      }
      const { metadata } = files[0]!;
      expect(metadata.get('general.architecture')).toBe('llama');
      if (files.length === 1) expect(metadata).toEqual(whole!.metadata);
    }),
  );
  expect(await filesOf(plan, 1)).toHaveLength(3 * 4 + 1);
});

test('words of a vocabulary are in the header as UTF-8, behind their lengths in bytes', () => {
  const words = ['a', 'ġ3;', '麻醉', '😀', ''];
  const header = encodeHeader(new Map([['words', { type: 'strings', value: words } as const]]), []);
  const view = new DataView(header.buffer, header.byteOffset);
  // magic, version, tensors, pairs; the key and its length; the types of the value and of its elements, how many
  let at = 4 + 4 + 8 + 8 + 8 + 'words'.length + 4 + 4 + 8;
  const read = words.map(() => {
    const length = Number(view.getBigUint64(at, true));
    const bytes = header.subarray(at + 8, at + 8 + length);
    at += 8 + length;
    return new TextDecoder().decode(bytes);
  });
  expect(read).toEqual(words);
});

test('a header of no tensors is padded', () => {
  expect(encodeHeader(new Map(), []).length).toBe(32);
});

describe('of a larger package', () => {
  const large: Hyperparameters = {
    ...model('llama'),
    hiddenSize: 2048,
    vocabularySize: 24_000,
    heads: 64,
  };
  // As halves, neither infinite nor NaN.
  const random = (_: unknown, index: number) => Math.imul(index + 1, 0x9e3779b1) & 0x3bff3bff;
  const cell = Uint32Array.from({ length: 1 << 16 }, random);
  /** Three shards: the words of the largest tensor alone, then its scales and others. */
  const shards: readonly TensorShard[] = [
    shard('words', [['model.embed_tokens.q_weight', [24_000, 256], 'uint32']]),
    shard('scales', [
      ['model.embed_tokens.q_scale', [24_000, 64], 'float16'],
      ['model.layers.0.self_attn.qkv_proj.q_weight', [2112, 256], 'uint32'],
    ]),
    shard('rest', [
      ['model.layers.0.self_attn.qkv_proj.q_scale', [2112, 64], 'float16'],
      ['model.norm.weight', [2048], 'float16'],
    ]),
  ];

  function shard(
    dataPath: string,
    tensors: readonly (readonly [string, number[], 'uint32' | 'float16'])[],
  ): TensorShard {
    let byteOffset = 0;
    const records = tensors.map(([name, shape, dtype]) => {
      const nbytes = shape.reduce((product, size) => product * size, 1) * (dtype === 'uint32' ? 4 : 2);
      const record = { name, shape, dtype, byteOffset, nbytes };
      byteOffset += nbytes;
      return record;
    });
    return { dataPath, records };
  }
  const bytesOf = ({ records }: TensorShard) => records.reduce((sum, { nbytes }) => sum + nbytes, 0);
  function fill(path: string, into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const pattern = new Uint8Array(cell.buffer);
    for (let at = 0; at < into.length; at += pattern.length)
      into.set(pattern.subarray(0, Math.min(pattern.length, into.length - at)), at);
    into[0] = path.length;
    return into;
  }
  async function transcode(
    read: (path: string) => Uint8Array<ArrayBuffer>,
    onPiece: (bytes: number) => void,
  ) {
    const digest = createHash('sha256');
    const { pieces } = planTranscoding(
      shards,
      large,
      metadataOf(large, 64, 2, () => null),
    );
    for await (const { bytes } of pieces((path) => Promise.resolve(read(path)))) {
      onPiece(bytes.length);
      digest.update(bytes);
    }
    return digest.digest('hex');
  }

  test('no more is held than the largest tensor and 64 MiB', async () => {
    const sizes = new Map(shards.map((one) => [one.dataPath, bytesOf(one)]));
    const fresh = await transcode(
      (path) => fill(path, new Uint8Array(sizes.get(path) ?? 0)),
      () => {},
    );
    // Two buffers in turn, each overwritten while the other is in use: what looked further back would read the wrong
    // weights. With one piece, they are all that is held.
    const size = Math.max(...sizes.values());
    const buffers = [new Uint8Array(size), new Uint8Array(size)];
    let reads = 0;
    let heldMax = 0;
    let shardsHeld = 0;
    const lengths: number[] = [];
    const reused = await transcode(
      (path) => {
        const length = sizes.get(path) ?? 0;
        lengths.push(length);
        shardsHeld = length + (lengths.at(-2) ?? 0);
        const buffer = buffers[reads++ % 2] ?? buffers[0]!;
        buffer.fill(0xff);
        return fill(path, buffer.subarray(0, length));
      },
      (bytes) => {
        heldMax = Math.max(heldMax, shardsHeld + bytes);
      },
    );
    expect(reused).toBe(fresh);
    const largestTensor = 24_000 * 256 * 4;
    expect(heldMax).toBeLessThanOrEqual(largestTensor + 64 * 2 ** 20);
    expect(heldMax).toBeGreaterThan(largestTensor);
  });
});

test('a 4-bit matrix whose rows end within a group keeps its weights in float32', async () => {
  const narrow: Hyperparameters = { ...model('qwen2'), hiddenSize: 40 };
  const words = Uint32Array.from({ length: 5 * 8 }, (_, index) => (index * 0x9e3779b1) & 0x66666666);
  const scales = Float32Array.from({ length: 5 * 2 }, (_, index) => 0.1 * (index + 1));
  const bytes = new Uint8Array([...new Uint8Array(words.buffer), ...new Uint8Array(scales.buffer)]);
  const shards: TensorShard[] = [
    {
      dataPath: 'one',
      records: [
        { name: 'lm_head.q_weight', shape: [5, 8], dtype: 'uint32', byteOffset: 0, nbytes: 160 },
        { name: 'lm_head.q_scale', shape: [5, 2], dtype: 'float32', byteOffset: 160, nbytes: 40 },
      ],
    },
  ];
  const parts: Uint8Array[] = [];
  const { pieces } = planTranscoding(
    shards,
    narrow,
    metadataOf(narrow, 64, 2, () => null),
  );
  for await (const piece of pieces(() => Promise.resolve(bytes))) parts.push(piece.bytes);
  const found = new Float32Array(Uint8Array.from(Buffer.concat(parts)).buffer);
  const expected = Array.from({ length: 5 }, (_, row) =>
    [0, 1]
      .flatMap((group) =>
        mlcValues(
          words.subarray((row * 2 + group) * 4, (row * 2 + group + 1) * 4),
          scales[row * 2 + group] ?? 0,
        ),
      )
      .slice(0, 40),
  ).flat();
  expect([...found]).toEqual([...Float32Array.from(expected)]);
});
