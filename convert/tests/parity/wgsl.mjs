// Validates WGSL with Dawn's null backend, which offers every feature and runs nothing.
//
//   stdin   ["enable f16; ...", ...]
//   stdout  [["error 3:7 unresolved value 'x'"], [], ...]   per module, what is wrong with it; none where it is valid
import { text } from 'node:stream/consumers';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
// Dawn ends when this object is collected.
const gpu = create(['backend=null']);
globalThis.navigator = { gpu };
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({
  requiredFeatures: ['shader-f16', 'subgroups'],
});
device.addEventListener('uncapturederror', (event) => event.preventDefault());

async function complaints(code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const error = await device.popErrorScope();
  const found = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
  return found.length > 0 || !error ? found : [error.message];
}

const found = [];
for (const code of JSON.parse(await text(process.stdin))) found.push(await complaints(code));
process.stdout.write(JSON.stringify(found), () => process.exit(0));
