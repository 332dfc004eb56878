// What a parity page can do with the package it has loaded, through web-llm. Called by name from browser.mjs.
//
// Float arrays travel as base64 of little-endian float32.
//
// `run` and `tokens` only use web-llm's public interface, with a logit processor that records. What the model was fed
// and the logits after bias and penalties are not public: they are watched on the pipeline object. `edit`, `sample`
// and `draw` call the library's functions as the pipeline does.
import { CreateMLCEngine } from '/web-llm.js';
import { withoutHalf } from './half.mjs';

const MODEL = 'parity';
let engine;
let pipeline;
/** What the next answer will tell. */
let record = newRecord();
/** Token ids that the KV cache has been fed since it was last emptied. */
let stream = [];

function newRecord() {
  return { logits: [], positions: [], edited: [], tokens: [], chunks: [] };
}

const recorder = {
  processLogits(logits) {
    record.logits.push(logits.slice());
    record.positions.push(stream.length);
    return logits;
  },
  processSampledToken(token) {
    record.tokens.push(token);
  },
  resetState() {},
};

/**
 * Loads the package at `model` with the library at `library`.
 * `overrides` replace entries of mlc-chat-config.json. `emulateHalf` runs a half-precision library on a device
 * without shader-f16.
 */
export async function load({ model, library, overrides = {}, emulateHalf = false }) {
  if (emulateHalf) {
    const create = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function ({ code, ...rest }) {
      return create.call(this, { ...rest, code: withoutHalf(code) });
    };
  }
  const start = performance.now();
  engine = await CreateMLCEngine(MODEL, {
    logLevel: 'WARN',
    logitProcessorRegistry: new Map([[MODEL, recorder]]),
    appConfig: { model_list: [{ model, model_id: MODEL, model_lib: library, overrides }] },
  });
  const loadMs = performance.now() - start;
  pipeline = engine.loadedModelIdToPipeline.get(MODEL);
  watch();
  return { loadMs };
}

function watch() {
  const forward = pipeline.embedAndForward.bind(pipeline);
  pipeline.embedAndForward = (data, length) => {
    stream.push(...data.flat());
    record.chunks.push(length);
    return forward(data, length);
  };
  const reset = pipeline.resetKVCache.bind(pipeline);
  pipeline.resetKVCache = () => {
    stream = [];
    reset();
  };
  const softmax = pipeline.fsoftmaxWithTemperature;
  const watched = (logits, temperature) => {
    record.edited.push(toHost(logits));
    return softmax(logits, temperature);
  };
  pipeline.fsoftmaxWithTemperature = Object.assign(watched, { dispose: () => softmax.dispose() });
}

/** Starts a copy to the CPU; readable after device.sync(). */
function toHost(tensor) {
  const { tvm } = pipeline;
  return tvm.detachFromCurrentScope(tvm.empty(tensor.shape, tensor.dtype, tvm.cpu()).copyFrom(tensor));
}

function read(host) {
  const array = host.toArray();
  host.dispose();
  return array;
}

function pack(arrays) {
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0));
  let offset = 0;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += array.byteLength;
  }
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

function unpack(text) {
  return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

/** What was recorded since the last call, and everything in the KV cache. */
async function takeRecord() {
  await pipeline.device.sync();
  const { logits, edited, ...rest } = record;
  record = newRecord();
  return { ...rest, logits: pack(logits), edited: pack(edited.map(read)), stream: [...stream] };
}

/** `api` "chat" or "completion" with web-llm's own request; everything recorded and the answer. */
export async function run({ api, request, fresh = true }) {
  if (fresh) await engine.resetChat();
  record = newRecord();
  const create = api === 'chat' ? engine.chat.completions : engine.completions;
  const { choices, usage } = await create.create(request);
  const [choice] = choices;
  return {
    ...(await takeRecord()),
    text: choice.text ?? choice.message.content,
    finishReason: choice.finish_reason,
    usage,
  };
}

/** Prefills `ids` into an empty cache, or behind what it holds; one step is recorded. */
export async function tokens({ ids, fresh = true }) {
  if (fresh) await engine.resetChat();
  record = newRecord();
  await engine.forwardTokensAndSample(ids, true);
  return takeRecord();
}

function device(values, shape, dtype) {
  return pipeline.tvm.empty(shape, dtype, pipeline.device).copyFrom(values);
}

/** Logits after the library's bitmask, bias and penalty functions, each applied where its argument is given. */
export async function edit({ logits, mask, bias, counts, penalties }) {
  const { tvm } = pipeline;
  const values = unpack(logits);
  tvm.beginScope();
  const tensor = device(values, [1, values.length], 'float32');
  const sequence = device(Int32Array.of(0), [1], 'int32');
  if (mask) pipeline.fapplyBitmask(tensor, sequence, device(Int32Array.from(mask), [1, mask.length], 'int32'));
  if (bias) {
    const ids = Int32Array.from(Object.keys(bias).map(Number));
    pipeline.fapplyLogitBias(
      tensor,
      device(new Int32Array(ids.length), [ids.length], 'int32'),
      device(ids, [ids.length], 'int32'),
      device(Float32Array.from(Object.values(bias)), [ids.length], 'float32'),
    );
  }
  if (penalties) {
    const ids = Int32Array.from(Object.keys(counts).map(Number));
    pipeline.fapplyPenalty(
      tensor,
      sequence,
      device(new Int32Array(ids.length), [ids.length], 'int32'),
      device(ids, [ids.length], 'int32'),
      device(Int32Array.from(Object.values(counts)), [ids.length], 'int32'),
      device(Float32Array.from(penalties), [1, 3], 'float32'),
    );
  }
  const host = toHost(tensor);
  tvm.endScope();
  await pipeline.device.sync();
  return pack([read(host)]);
}

/** Softmax of `logits` at `temperature`, and the token drawn for each number of `uniforms` in [0, 1). */
export async function sample({ logits, temperature, topP, uniforms }) {
  const { tvm } = pipeline;
  const values = unpack(logits);
  const size = values.length;
  tvm.beginScope();
  const probabilities = pipeline
    .fsoftmaxWithTemperature(
      device(values, [1, 1, size], 'float32'),
      device(Float32Array.of(temperature), [1], 'float32'),
    )
    .view([1, size]);
  const hostProbabilities = toHost(probabilities);
  const order = pipeline.fargsortProbs(probabilities);
  const row = device(Int32Array.of(0), [1], 'int32');
  const kept = device(Float32Array.of(topP), [1], 'float32');
  const drawn = [];
  for (const uniform of unpack(uniforms)) {
    tvm.beginScope();
    const number = device(Float32Array.of(uniform), [1], 'float32');
    drawn.push(toHost(pipeline.fsampleWithTopP(order.get(0), order.get(1), number, row, kept)));
    tvm.endScope();
    if (drawn.length % 64 === 0) await pipeline.device.sync();
  }
  tvm.endScope();
  await pipeline.device.sync();
  record = newRecord();
  return { probabilities: pack([read(hostProbabilities)]), tokens: drawn.map((host) => read(host)[0]) };
}

/** `count` tokens drawn by web-llm itself, from its random numbers, as it does for every token of an answer. */
export async function draw({ logits, count, seed, config }) {
  const { tvm } = pipeline;
  const values = unpack(logits);
  const processor = pipeline.logitProcessor;
  pipeline.logitProcessor = undefined;
  pipeline.setSeed(seed);
  tvm.beginScope();
  const tensor = device(values, [1, 1, values.length], 'float32');
  const drawn = [];
  for (let i = 0; i < count; i++) {
    drawn.push(await pipeline.sampleFromRawLogits(tensor, config));
    record.edited.splice(0).forEach((host) => host.dispose());
  }
  tvm.endScope();
  pipeline.logitProcessor = processor;
  record = newRecord();
  return drawn;
}
