// Feeds conversations to web-llm's own Conversation class and tokenizer, which it does not export: a copy of its
// module with two more exports is imported from a temporary file.
// stdin: {tokenizer: path, cases: [{template, system, turns, cached}]}; stdout: [{parts, tokens}], one per case.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const { process } = globalThis;
const { tokenizer: path, cases } = JSON.parse(readFileSync(0, 'utf8'));
const source = readFileSync(fileURLToPath(import.meta.resolve('@mlc-ai/web-llm')), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'hypnos-'));
const copy = join(folder, 'web-llm.mjs');
writeFileSync(copy, `${source}\nexport { getConversationFromChatCompletionRequest, libExports };\n`);
delete globalThis.process; // where there is one, web-llm and its tokenizer look for Node's module loader
const webllm = await import(pathToFileURL(copy).href).finally(() => rmSync(folder, { recursive: true }));
const bytes = readFileSync(path);
const tokenizer = await webllm.libExports.Tokenizer.fromJSON(
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
);

const results = cases.map(({ template, system, turns, cached }) => {
  const messages = turns.map((content, index) => ({ role: index % 2 ? 'assistant' : 'user', content }));
  if (system !== null) messages.unshift({ role: 'system', content: system });
  const config = { conv_template: template };
  const conversation = webllm.getConversationFromChatCompletionRequest({ messages }, config, true);
  conversation.appendReplyHeader('assistant');
  const parts = cached ? conversation.getPromptArrayLastRound() : conversation.getPromptArray();
  return { parts, tokens: parts.flatMap((part) => Array.from(tokenizer.encode(part))) };
});
process.stdout.write(JSON.stringify(results));
