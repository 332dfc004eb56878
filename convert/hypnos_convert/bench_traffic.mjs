// Counts the bytes that a library's kernels ask the GPU's memory for, per decoded token.
//
// Every shader module is rewritten before it is compiled: each index into a read-only storage buffer also adds the
// element's size to a counter in one more storage buffer, at the slot (module, binding). The names that our kernels give
// their arguments tell what a slot reads: matrices (weight, scale), pages of the KV cache, or vectors (activations, norm
// weights, biases). Repeated reads count each time, so the few kilobytes of vectors, which every workgroup loads again
// and the caches serve, look large; matrices and pages are what the memory bandwidth goes to.
//
// Sums are per token: the difference between a longer and a shorter answer to the same prompt, both greedy.

/**
 * Runs in the page, alone: it may use nothing of this module.
 * @param {{tokens: number}} options tokens: of the longer answer, more than 2
 * @returns bytes per decoded token, and the tokens in the KV cache on average
 */
export async function countTraffic({ tokens }) {
  const COUNTER_BINDING = 31;
  const SLOTS_PER_MODULE = 16;
  const MODULES = 256;
  const SIZES = { f32: 4, i32: 4, u32: 4, f16: 2 };

  /** @returns bytes of one element: a scalar's or a vector's */
  const sizeOf = (type) => {
    const [, lanes, scalar] = /^(?:vec(\d)<(\w+)>|\w+)$/.exec(type) ?? [];
    const size = lanes ? Number(lanes) * SIZES[scalar] : SIZES[type];
    if (!size) throw new Error(`traffic: unknown element type ${type}`);
    return size;
  };
  const instrument = (code, module) => {
    let added = `@group(0) @binding(${COUNTER_BINDING}) var<storage, read_write> traffic : array<atomic<u32>>;\n`;
    let body = code;
    const declaration = /@binding\((\d+)\) var<storage, read> (\w+) : array<([^;]+)>;/g;
    for (const [, binding, name, type] of code.matchAll(declaration)) {
      const slot = module * SLOTS_PER_MODULE + Number(binding);
      added += `fn touch_${name}() -> i32 { atomicAdd(&traffic[${slot}], ${sizeOf(type)}u); return 0i; }\n`;
      body = body.replace(new RegExp(`(?<!\\w)${name}\\[`, 'g'), `${name}[touch_${name}() + `);
    }
    const enables = /^(?:enable [^;]+;\s*)*/.exec(body)[0];
    return enables + added + body.slice(enables.length);
  };

  let counters;
  let modules = 0;
  const moduleOf = new WeakMap(); // of a shader module, then of a bind group layout
  const layoutsOf = new WeakMap(); // of a pipeline layout
  const kinds = new Map(); // slot -> 'matrices' | 'pages' | 'vectors'
  const kindOf = (name) => (/^(weight|scale)/.test(name) ? 'matrices' : /^pages/.test(name) ? 'pages' : 'vectors');
  // A kernel that has as many storage buffers as the device allows takes no counter: no kernel of the decode step may be.
  const uncounted = new Set();
  const moduleOfPipeline = new WeakMap();
  let uncountedDispatches = 0;
  const patch = (prototype, name, wrap) => {
    const original = prototype[name];
    prototype[name] = function (...args) {
      return wrap.call(this, original.bind(this), ...args);
    };
  };
  patch(GPUDevice.prototype, 'createShaderModule', function (original, descriptor) {
    const index = modules;
    modules += 1;
    if (modules > MODULES) throw new Error(`traffic: more than ${MODULES} shader modules`);
    for (const [, binding, name] of descriptor.code.matchAll(/@binding\((\d+)\) var<storage, read> (\w+)/g))
      kinds.set(index * SLOTS_PER_MODULE + Number(binding), kindOf(name));
    const storageBuffers = descriptor.code.match(/var<storage/g)?.length ?? 0;
    const isFull = storageBuffers >= this.limits.maxStorageBuffersPerShaderStage;
    if (isFull) uncounted.add(index);
    const module = original(isFull ? descriptor : { ...descriptor, code: instrument(descriptor.code, index) });
    moduleOf.set(module, index);
    return module;
  });
  patch(GPUDevice.prototype, 'createBindGroupLayout', function (original, descriptor) {
    const storageBuffers = descriptor.entries.filter(({ buffer }) => /storage/.test(buffer?.type ?? '')).length;
    if (storageBuffers >= this.limits.maxStorageBuffersPerShaderStage) return original(descriptor);
    const entry = { binding: COUNTER_BINDING, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } };
    return original({ ...descriptor, entries: [...descriptor.entries, entry] });
  });
  patch(GPUDevice.prototype, 'createPipelineLayout', (original, descriptor) => {
    const layout = original(descriptor);
    layoutsOf.set(layout, descriptor.bindGroupLayouts);
    return layout;
  });
  for (const name of ['createComputePipeline', 'createComputePipelineAsync']) {
    patch(GPUDevice.prototype, name, (original, descriptor) => {
      for (const layout of layoutsOf.get(descriptor.layout) ?? [])
        moduleOf.set(layout, moduleOf.get(descriptor.compute.module));
      const pipeline = original(descriptor);
      const remember = (made) => {
        moduleOfPipeline.set(made, moduleOf.get(descriptor.compute.module));
        return made;
      };
      return pipeline instanceof Promise ? pipeline.then(remember) : remember(pipeline);
    });
  }
  patch(GPUComputePassEncoder.prototype, 'setPipeline', (original, pipeline) => {
    if (uncounted.has(moduleOfPipeline.get(pipeline))) uncountedDispatches += 1;
    return original(pipeline);
  });
  let device;
  patch(GPUDevice.prototype, 'createBindGroup', function (original, descriptor) {
    device = this;
    counters ??= this.createBuffer({
      size: MODULES * SLOTS_PER_MODULE * 4,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    if (uncounted.has(moduleOf.get(descriptor.layout))) return original(descriptor);
    const entry = { binding: COUNTER_BINDING, resource: { buffer: counters } };
    return original({ ...descriptor, entries: [...descriptor.entries, entry] });
  });

  const { CreateMLCEngine } = await import('/web-llm.js');
  const entry = { model_id: 'bench', model: `${location.origin}/m`, model_lib: `${location.origin}/library.wasm` };
  const engine = await CreateMLCEngine('bench', { logLevel: 'ERROR', appConfig: { model_list: [entry] } });

  /** @returns {Promise<Uint32Array>} the counters after one answer */
  const ask = async (count) => {
    uncountedDispatches = 0;
    if (counters) device.queue.writeBuffer(counters, 0, new Uint32Array(counters.size / 4));
    const request = { prompt: '全身麻醉诱导期如何管理循环？', max_tokens: count, temperature: 0, ignore_eos: true };
    const { usage } = await engine.completions.create(request);
    const usages = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const copy = device.createBuffer({ size: counters.size, usage: usages });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(counters, 0, copy, 0, counters.size);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    return { bytes: new Uint32Array(copy.getMappedRange().slice(0)), promptTokens: usage.prompt_tokens, uncountedDispatches };
  };
  await ask(2); // the counter buffer is made with the first bind group
  const shorter = await ask(2);
  const longer = await ask(tokens);
  if (longer.uncountedDispatches !== shorter.uncountedDispatches)
    throw new Error('traffic: a kernel of the decode step has no room for the counter');
  const decoded = tokens - 2;
  const perToken = { matrices: 0, pages: 0, vectors: 0 };
  longer.bytes.forEach((value, slot) => {
    const kind = kinds.get(slot);
    if (kind) perToken[kind] += (value - shorter.bytes[slot]) / decoded;
  });
  // Answer token i is sampled after a forward pass that attends to the prompt and i answer tokens; i = 2 … tokens - 1.
  return { ...perToken, meanContextTokens: shorter.promptTokens + (2 + tokens - 1) / 2 };
}
