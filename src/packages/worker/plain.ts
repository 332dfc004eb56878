/**
 * A folder as mlc_llm writes it, without a Hypnos manifest: accepted as "unverified". The manifest is made here from
 * mlc-chat-config.json and tensor-cache.json; the hashes in it are those of what was found, so they protect the copy, not
 * its origin.
 */
import { HypnosError } from '../../shared/errors.ts';
import { ENGINE_VERSION, MANIFEST_FILE, REQUIRED_FILES, parseManifest } from '../manifest.ts';

const CONFIG_FILE = 'mlc-chat-config.json';

interface TensorRecord {
  readonly dtype?: unknown;
  readonly name?: unknown;
  readonly nbytes?: unknown;
  readonly shape?: unknown;
}

/**
 * The files of a plain folder that a package is made of; others are left where they are.
 * @throws HypnosError 'package-file-missing', 'package-manifest-invalid' with `file`
 */
export function plainFiles(sizes: ReadonlyMap<string, number>, tensorCache: string): readonly string[] {
  for (const required of REQUIRED_FILES)
    if (!sizes.has(required)) throw new HypnosError('package-file-missing', { file: required });
  const shards = records(tensorCache).map(({ dataPath }) => {
    if (typeof dataPath !== 'string') throw invalid('tensor-cache.json', 'a record without dataPath');
    if (!sizes.has(dataPath)) throw new HypnosError('package-file-missing', { file: dataPath });
    return dataPath;
  });
  const libraries = [...sizes.keys()].filter((path) => path.endsWith('.wasm') && !path.includes('/')).sort();
  if (libraries.length === 0) throw new HypnosError('package-file-missing', { file: '*.wasm' });
  return [...REQUIRED_FILES, ...libraries, ...new Set(shards)];
}

/**
 * The manifest of a plain folder, as text.
 * @param name of the folder
 * @throws HypnosError 'package-manifest-invalid'; 'package-unsupported' for an architecture or quantisation of others
 */
export function makeManifest(
  name: string,
  config: string,
  tensorCache: string,
  files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[],
): string {
  const chat = parse(CONFIG_FILE, config);
  const tensors = records(tensorCache).flatMap(({ records: inner }) =>
    Array.isArray(inner) ? inner : [],
  ) as readonly TensorRecord[];
  const weightBytes = tensors.reduce((sum, { nbytes }) => sum + Number(nbytes), 0);
  const quantization = String(chat.quantization);
  const text = JSON.stringify({
    format: 'hypnos-package/1',
    id: toId(name),
    version: '0.0.0',
    title: { zh: name, en: name },
    architecture: chat.model_type,
    quantization,
    parameters: Math.max(1, countParameters(tensors)),
    context_window_size: chat.context_window_size,
    prefill_chunk_size: chat.prefill_chunk_size,
    engine: { web_llm: ENGINE_VERSION },
    libraries: files
      .filter(({ path }) => path.endsWith('.wasm'))
      .map(({ path }) => ({
        path,
        target: 'gpu',
        requires: {
          features: quantization.includes('f16') ? ['shader-f16'] : [],
          vram_mb: Math.ceil(weightBytes / 2 ** 20),
          max_buffer_bytes: Math.max(0, ...tensors.map(({ nbytes }) => Number(nbytes))),
        },
      })),
    provenance: { base: '?', stages: [], data: [], licence: '?', built_with: {} },
    evaluation: null,
    clinical: {
      reviewed: false,
      notice: {
        zh: '来源未经核实的模型文件夹，没有 Hypnos 清单；未经临床审核，不能用于诊疗。',
        en: 'A model folder of unverified origin, without a Hypnos manifest. Not clinically reviewed; not for clinical use.',
      },
    },
    files,
  });
  const { model_type: architecture } = chat;
  try {
    parseManifest(text);
  } catch (error) {
    const { detail } = HypnosError.from(error);
    if (detail.path === '#/architecture' || detail.path === '#/quantization')
      throw new HypnosError('package-unsupported', {
        needs: `${String(architecture)} ${quantization}`,
        has: 'llama, mistral, qwen2, qwen3; q4f16_1, q4f32_1, q0f16, q0f32',
      });
    throw error;
  }
  return text;
}

/** Weights before quantisation: eight of four bits in a word, scales not counted. */
function countParameters(tensors: readonly TensorRecord[]): number {
  return tensors.reduce((sum, { name, dtype, shape }) => {
    if (!Array.isArray(shape) || String(name).endsWith('_scale')) return sum;
    const elements = (shape as readonly unknown[]).reduce<number>(
      (product, size) => product * Number(size),
      1,
    );
    return sum + elements * (dtype === 'uint32' ? 8 : 1);
  }, 0);
}

function records(tensorCache: string): readonly { dataPath?: unknown; records?: unknown }[] {
  const { records: found } = parse('tensor-cache.json', tensorCache);
  if (!Array.isArray(found) || found.length === 0) throw invalid('tensor-cache.json', 'no shards');
  return found as { dataPath?: unknown; records?: unknown }[];
}

function parse(file: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw invalid(file, 'not a JSON object');
}

function toId(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64);
  return slug || 'unnamed';
}

function invalid(file: string, reason: string): HypnosError {
  return new HypnosError('package-manifest-invalid', {
    file,
    path: '#',
    reason: `${reason}; no ${MANIFEST_FILE} either`,
  });
}
