// npm run pack: Hypnos in one folder for a USB stick, started with nothing installed.
//
//   dist/ (without its models)  -->  OUT/page/            public/models/ID or a folder of your own, every file
//   public/models/trusted-keys.json, as the hospital has it  -->  OUT/page/models/
//   src/server/stick/           -->  OUT/                 hashed against its manifest  -->  OUT/page/models/ID/
//   security-headers.json       -->  OUT/server/headers.txt, types.txt: what the three small servers send
//
// Everything is written to OUT.partial, hypnos-stick.json last, then renamed: a folder called OUT is complete.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildPage, checkNode, installDependencies, ROOT } from './setup.mjs';

const STICK_FILES = path.join(ROOT, 'src', 'server', 'stick');
const SERVED_MODELS = path.join(ROOT, 'public', 'models');
const PACKAGE_MANIFEST = 'hypnos-package.json';
const TRUSTED_KEYS = 'trusted-keys.json';
export const STICK_MANIFEST = 'hypnos-stick.json';
const USAGE = `npm run pack -- [--out DIR] [--models ID_OR_FOLDER,…] [--no-models]

  --out DIR     the folder to write, hypnos-stick by default; an earlier one of ours is replaced
  --models …    packages: ids under public/models, or paths of package folders; by default all under public/models
  --no-models   only the page: models are then imported from files, inside the page`;

/** Content types by extension, as sirv sends them; the three small servers read this list. */
const TYPES = {
  bin: 'application/octet-stream',
  css: 'text/css',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript',
  png: 'image/png',
  svg: 'image/svg+xml',
  ttf: 'font/ttf',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
  woff: 'font/woff',
  woff2: 'font/woff2',
};

/** What the user has to put right; told without a stack. */
export class PackError extends Error {}

/** @returns {Promise<string>} SHA-256 of a file, in hex */
async function sha256(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** @returns {Promise<string[]>} every file under a folder, relative, with '/' */
async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
}

/**
 * Checks a package folder, byte for byte, against its manifest.
 * @returns {Promise<{ id: string, files: string[] }>} its id and its files, the manifest among them
 * @throws {PackError} naming the file that is missing, wrong or unknown
 */
async function verifyPackage(folder) {
  let manifest;
  try {
    manifest = JSON.parse(await readFile(path.join(folder, PACKAGE_MANIFEST), 'utf8'));
  } catch (error) {
    throw new PackError(`${folder} is no finished package: ${PACKAGE_MANIFEST}: ${error.message}`);
  }
  const { id, files } = manifest;
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(id ?? '') || !Array.isArray(files))
    throw new PackError(`${path.join(folder, PACKAGE_MANIFEST)} is no manifest of a package.`);
  for (const { path: name, bytes, sha256: expected } of files) {
    const file = path.join(folder, name);
    if (path.isAbsolute(name) || path.relative(folder, file).startsWith('..'))
      throw new PackError(`${folder}: the manifest names a file outside the package: ${name}`);
    const size = (await stat(file).catch(() => null))?.size;
    if (size !== bytes)
      throw new PackError(`${file} is ${size === undefined ? 'missing' : `${size} bytes, not ${bytes}`}.`);
    if ((await sha256(file)) !== expected)
      throw new PackError(`${file} is not what was packaged: its SHA-256 differs from the manifest's.`);
  }
  return { id, files: [...files.map((file) => file.path), PACKAGE_MANIFEST] };
}

/** @returns {Promise<string[]>} folders of the packages that are asked for */
async function chosenFolders(names) {
  const served = (await readdir(SERVED_MODELS, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  if (!names) return served.map((id) => path.join(SERVED_MODELS, id));
  return names.map((name) => (served.includes(name) ? path.join(SERVED_MODELS, name) : path.resolve(name)));
}

/** Copies the packages and writes their index; the served default stays the default where it is among them. */
async function copyPackages(folders, destination) {
  await mkdir(destination, { recursive: true });
  const ids = [];
  for (const folder of folders) {
    console.log(`Verifying ${path.basename(folder)}…`);
    const { id, files } = await verifyPackage(folder);
    if (ids.includes(id)) throw new PackError(`Two packages are called ${id}.`);
    ids.push(id);
    for (const name of files) await cp(path.join(folder, name), path.join(destination, id, name));
  }
  const served = JSON.parse(await readFile(path.join(SERVED_MODELS, 'index.json'), 'utf8'));
  const index = {
    format: 'hypnos-index/1',
    default: ids.includes(served.default) ? served.default : (ids[0] ?? null),
    packages: ids.map((id) => ({ id, path: `${id}/` })),
  };
  await writeFile(path.join(destination, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
  // What the hospital pinned goes with the models; the page asks for it at every import.
  await cp(path.join(SERVED_MODELS, TRUSTED_KEYS), path.join(destination, TRUSTED_KEYS));
  return ids;
}

/** The starters; Windows wants CRLF, and its PowerShell a byte order mark to read UTF-8. */
async function copyStarters(destination) {
  for (const name of await listFiles(STICK_FILES)) {
    const text = await readFile(path.join(STICK_FILES, name), 'utf8');
    const target = path.join(destination, name);
    await mkdir(path.dirname(target), { recursive: true });
    const isWindows = /\.(cmd|ps1|txt)$/.test(name);
    const mark = /\.(ps1|txt)$/.test(name) ? '\uFEFF' : '';
    await writeFile(target, isWindows ? mark + text.replaceAll('\n', '\r\n') : text);
    if (/\.(command|sh)$/.test(name)) await chmod(target, 0o755);
  }
  await cp(path.join(ROOT, 'src', 'server', 'README.md'), path.join(destination, 'FOR-HOSPITAL-IT.md'));
  const headers = JSON.parse(
    await readFile(path.join(ROOT, 'src', 'shared', 'security-headers.json'), 'utf8'),
  );
  const lines = (entries, separator) =>
    entries.map(([name, value]) => `${name}${separator}${value}\n`).join('');
  await writeFile(path.join(destination, 'server', 'headers.txt'), lines(Object.entries(headers), ': '));
  await writeFile(path.join(destination, 'server', 'types.txt'), lines(Object.entries(TYPES), ' '));
}

/**
 * Makes the folder.
 * @param {object} options
 * @param {string} options.out the folder to write
 * @param {readonly string[] | undefined} options.models ids or folders; undefined: all that are served
 * @param {string} [options.page] the built page
 * @returns {Promise<{ out: string, models: string[], bytes: number }>}
 * @throws {PackError}
 */
export async function pack({ out, models, page = path.join(ROOT, 'dist') }) {
  const target = path.resolve(out);
  const partial = `${target}.partial`;
  const existing = await readdir(target).catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw new PackError(`${target} cannot be written: ${error.message}`);
  });
  if (existing && existing.length > 0 && !existing.includes(STICK_MANIFEST))
    throw new PackError(`${target} holds other things. Choose a new folder with --out.`);
  const folders = await chosenFolders(models);
  await rm(partial, { recursive: true, force: true });
  try {
    // Vite's own notes (.vite) are of no use there.
    const left = [path.join(page, 'models'), path.join(page, '.vite')];
    await cp(page, path.join(partial, 'page'), {
      recursive: true,
      filter: (source) => !left.includes(source),
    });
    const ids = await copyPackages(folders, path.join(partial, 'page', 'models'));
    await copyStarters(partial);
    const files = [];
    let bytes = 0;
    for (const name of await listFiles(partial)) {
      const file = path.join(partial, name);
      const { size } = await stat(file);
      bytes += size;
      files.push({ path: name, bytes: size, sha256: await sha256(file) });
    }
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    const manifest = { format: 'hypnos-stick/1', version, models: ids, files };
    await writeFile(path.join(partial, STICK_MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
    return { out: target, models: ids, bytes };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (error.code === 'ENOSPC') throw new PackError(`There is no room left for ${target}.`);
    throw error;
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'hypnos-stick' },
      models: { type: 'string' },
      'no-models': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  checkNode();
  installDependencies();
  buildPage();
  const models = values['no-models'] ? [] : values.models?.split(',').filter(Boolean);
  const { out, models: ids, bytes } = await pack({ out: values.out, models });
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `\n  ${out}\n  ${size}, models: ${ids.join(', ') || 'none'}\n\n  Copy this folder to the stick. READ-ME-FIRST.txt says how to start it.\n`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await main();
  } catch (error) {
    const isUsage = error.code?.startsWith?.('ERR_PARSE_ARGS');
    if (!(error instanceof PackError) && !isUsage) throw error;
    console.error(isUsage ? `${error.message}\n\n${USAGE}` : error.message);
    process.exit(1);
  }
}
