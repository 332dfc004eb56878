/** Generated from convert/hypnos_convert/schema/hypnos-package.schema.json by tests/unit/packages/manifest-types.test.ts. */

/**
 * Relative, forward slashes; no segment starts with a dot.
 */
export type Path = string;

/**
 * hypnos-package.json, written last into a model package: it names every other file with its size and SHA-256. The single definition for the writer (convert) and the reader (src/packages).
 */
export interface HypnosPackage {
  format: 'hypnos-package/1';
  /**
   * Stable name, also the folder's name.
   */
  id: string;
  version: string;
  title: Bilingual;
  architecture: 'llama' | 'mistral' | 'qwen2' | 'qwen3';
  quantization: 'q4f16_1' | 'q4f32_1' | 'q0f16' | 'q0f32';
  /**
   * Count of weights before quantisation; tied embeddings once.
   */
  parameters: number;
  /**
   * Tokens.
   */
  context_window_size: number;
  /**
   * Tokens.
   */
  prefill_chunk_size: number;
  engine: {
    /**
     * The @mlc-ai/web-llm release whose interface the libraries were linked for.
     */
    web_llm: string;
  };
  /**
   * @minItems 1
   * @maxItems 8
   */
  libraries: Library[];
  provenance: {
    /**
     * The checkpoint the weights started from, or 'from scratch'.
     */
    base: string;
    /**
     * @maxItems 32
     */
    stages: string[];
    /**
     * @maxItems 64
     */
    data: string[];
    licence: string;
    built_with: {
      [k: string]: string;
    };
  };
  /**
   * null where the model was not evaluated.
   */
  evaluation: null | {
    benchmark: string;
    version: string;
    /**
     * @maxItems 256
     */
    scores: {
      name: string;
      value: number;
      /**
       * Lower end of the 95% interval.
       */
      low?: number;
      high?: number;
      /**
       * Tokenisation, smoothing, library version.
       */
      signature: string;
    }[];
  };
  clinical: {
    reviewed: boolean;
    reviewer?: string;
    notice: Bilingual;
  };
  /**
   * Every file of the folder but this one.
   *
   * @minItems 1
   * @maxItems 20000
   */
  files: {
    path: Path;
    bytes: number;
    sha256: string;
  }[];
}
export interface Bilingual {
  zh: string;
  en: string;
}
export interface Library {
  path: Path;
  target: 'gpu' | 'gpu-subgroups' | 'software';
  requires: {
    /**
     * @maxItems 16
     */
    features: ('shader-f16' | 'subgroups')[];
    /**
     * Weights, KV cache at the full context window and temporaries, MiB.
     */
    vram_mb: number;
    /**
     * The largest single GPU buffer.
     */
    max_buffer_bytes: number;
  };
}
