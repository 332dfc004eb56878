// Rewrites WGSL that stores half-precision numbers for a device without `shader-f16`.
//
//   array<f16> in a buffer    ->  array<u32>, two numbers per word, the same bytes in the same places
//   every other f16           ->  f32
//
// So memory layout and the rounding of what is stored are as on a device that has the feature; numbers that only live
// in registers keep more digits. It knows the WGSL that TVM writes, and throws at what it does not know.

const BUFFER = /var<storage, (read|read_write)> (\w+) : array<(f16|vec4<f16>)>;/g;

/** @returns {string} `code` without f16; unchanged where it has none. */
export function withoutHalf(code) {
  if (!/^enable f16;/m.test(code)) return code;
  const buffers = new Map();
  const declared = code.replace(BUFFER, (_, access, name, type) => {
    buffers.set(name, { write: access === 'read_write', wide: type !== 'f16' });
    return `var<storage, ${access}> ${name} : array<${access === 'read' ? 'u32' : 'atomic<u32>'}>;`;
  });
  const accessors = [...buffers].map(([name, buffer]) => accessorsOf(name, buffer));
  const rewritten = rewriteAccesses(declared, buffers)
    .replace(/^enable f16;$/m, '')
    .replace(/\bf16\b/g, 'f32')
    .replace(/(\d)h\b/g, '$1f');
  return `${rewritten}\n${accessors.join('\n')}`;
}

function accessorsOf(name, { write, wide }) {
  const word = write ? (at) => `atomicLoad(&${name}[${at}])` : (at) => `${name}[${at}]`;
  const pair = (at) => `unpack2x16float(${word(at)})`;
  const load = wide
    ? `fn load_${name}(i: i32) -> vec4<f32> { let w = 2u * u32(i); return vec4<f32>(${pair('w')}, ${pair('w + 1u')}); }`
    : `fn load_${name}(i: i32) -> f32 { return ${pair('u32(i) >> 1u')}[u32(i) & 1u]; }`;
  if (!write) return load;
  const store = wide
    ? `fn store_${name}(i: i32, v: vec4<f32>) { let w = 2u * u32(i);
  atomicStore(&${name}[w], pack2x16float(v.xy)); atomicStore(&${name}[w + 1u], pack2x16float(v.zw)); }`
    : // Another thread may write the other half of the word.
      `fn store_${name}(i: i32, v: f32) { let w = u32(i) >> 1u; let shift = 16u * (u32(i) & 1u);
  atomicAnd(&${name}[w], ~(0xffffu << shift));
  atomicOr(&${name}[w], (pack2x16float(vec2<f32>(v, 0.0f)) & 0xffffu) << shift); }`;
  return `${load}\n${store}`;
}

/** Turns `name[i]` into a load and, unless `code` is an expression, `name[i] = v;` into a store. */
function rewriteAccesses(code, buffers, isExpression = false) {
  const access = /\b(\w+)\[/g;
  let result = '';
  let done = 0;
  for (let match; (match = access.exec(code)) !== null; ) {
    const [text, name] = match;
    const buffer = buffers.get(name);
    if (buffer === undefined) continue;
    const open = match.index + text.length - 1;
    const close = closing(code, open);
    const index = rewriteAccesses(code.slice(open + 1, close), buffers, true);
    const before = code.slice(done, match.index);
    if (isExpression || !/[;{}]\s*$/.test(before)) {
      result += `${before}load_${name}(i32(${index}))`;
      done = close + 1;
    } else {
      const assignment = /^\]\s*=(?!=)/.exec(code.slice(close));
      if (assignment === null) throw new Error(`unknown use of ${name}: ${code.slice(match.index, close + 20)}`);
      const start = close + assignment[0].length;
      const end = code.indexOf(';', start);
      result += `${before}store_${name}(i32(${index}), ${rewriteAccesses(code.slice(start, end), buffers, true)})`;
      done = end;
    }
    access.lastIndex = done;
  }
  return result + code.slice(done);
}

function closing(code, open) {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === '[') depth += 1;
    if (code[i] === ']' && --depth === 0) return i;
  }
  throw new Error(`unbalanced brackets: ${code.slice(open, open + 80)}`);
}
