// Serves the built page on the loopback interface with the security headers.
//
//   dist/  --sirv-->  security headers (src/shared/security-headers.json)  -->  http://localhost:PORT/
//
// The port is fixed: the browser keeps history and models by origin, and the port is part of it.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import sirv from 'sirv';

export const DEFAULT_PORT = 7317;
const SECURITY_HEADERS = JSON.parse(
  readFileSync(new URL('../shared/security-headers.json', import.meta.url), 'utf8'),
);
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * @param {object} options
 * @param {string} options.directory the built page
 * @param {(path: string) => { body: string | Uint8Array, type: string } | undefined} [options.override]
 *   answers a path itself; tests put a scripted worker in place with it
 * @returns {import('node:http').Server} not yet listening
 */
export function createPageServer({ directory, override }) {
  const serveFile = sirv(directory, {
    etag: true,
    dotfiles: false,
    setHeaders: (response, path) => {
      // Vite names everything under assets/ by content.
      response.setHeader(
        'Cache-Control',
        path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  return createServer((request, response) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    // A page of another site that rebinds its name to 127.0.0.1 must not read this one.
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    if (!LOOPBACK_NAMES.has(host))
      return void response.writeHead(421).end('Only localhost is served here.\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end();
    const overridden = override?.(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (overridden) {
      response.writeHead(200, { 'Content-Type': overridden.type, 'Cache-Control': 'no-store' });
      return void response.end(overridden.body);
    }
    serveFile(request, response, () => void response.writeHead(404).end('Not found.\n'));
  });
}

/**
 * @param {import('node:http').Server} server
 * @param {number} port 0 picks a free one
 * @returns {Promise<string>} the page's address
 * @throws {Error} with `code` EADDRINUSE if the port is taken
 */
export async function listen(server, port) {
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(undefined));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return `http://localhost:${address.port}/`;
}
