// npm start: install, build, serve, say where. `--port N` or HYPNOS_PORT moves it (history and models stay with the old port).
import path from 'node:path';
import { buildPage, checkNode, fail, installDependencies, ROOT } from './setup.mjs';

checkNode();
installDependencies();
buildPage();

const { createPageServer, DEFAULT_PORT, listen } = await import('./serve.mjs');
const flag = process.argv.indexOf('--port');
const wanted = flag > 0 ? process.argv[flag + 1] : (process.env.HYPNOS_PORT ?? DEFAULT_PORT);
const port = Number(wanted);
if (!Number.isInteger(port) || port < 1 || port > 65535)
  fail(`--port takes a number from 1 to 65535, not "${wanted}".`);

const server = createPageServer({ directory: path.join(ROOT, 'dist') });
try {
  const address = await listen(server, port);
  console.log(
    `\n  Hypnos  ${address}\n\n  打开上面的地址即可提问；关闭此窗口即停止服务。\n  Open it in Chrome or Edge. Ctrl+C stops it.\n`,
  );
} catch (error) {
  if (error.code !== 'EADDRINUSE') throw error;
  fail(
    `Port ${port} is taken. If Hypnos already runs, open http://localhost:${port}/ . Otherwise stop the other program, ` +
      'or choose another port with "npm start -- --port N" (history and models belong to the port they were saved under).',
  );
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
