/// <reference types="vite/client" />
/** The package store without the rest of the page: packages.test.ts drives it through `window.packages`. */
import minimal from '../../fixtures/manifests/good/minimal.json' with { type: 'json' };
import type { ImportProgress } from '../../../src/packages/import.ts';
import { spawnImportWorker } from '../../../src/packages/importWorker.ts';
import {
  STORE_FOLDER,
  installedBaseUrl,
  listInstalled,
  listRecords,
  openRoom,
  packageFetch,
} from '../../../src/packages/installed.ts';
import type { PendingRecord } from '../../../src/packages/installed.ts';
import { sha256Hex as sha256 } from '../../../src/platform/sha256.ts';
import { MANIFEST_FILE } from '../../../src/packages/manifest.ts';
import type { PackageManifest } from '../../../src/packages/manifest.ts';
import { PackageReader } from '../../../src/packages/reader.ts';
import { NO_TRUSTED_KEYS, SIGNATURE_FILE } from '../../../src/packages/signature.ts';
import type { TrustedKeys } from '../../../src/packages/signature.ts';
import type { PickedFile, SourceDescriptor } from '../../../src/packages/source.ts';
import { HypnosError } from '../../../src/shared/errors.ts';
import type { CodedError, Result } from '../../../src/shared/errors.ts';
import { trustedScriptUrl } from '../../../src/platform/trustedTypes.ts';
import { fromFileList } from '../../../src/packages/gather.ts';
import copyWorkerUrl from './copy.worker.ts?worker&url';

const worker = spawnImportWorker();
type Content = Map<string, Uint8Array<ArrayBuffer>>;

/** \0asm, version 1: a library that asks for nothing. */
const EMPTY_WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
/** The same with the import "env"."fetch", a function. */
const FETCHING_WASM = Uint8Array.of(
  ...EMPTY_WASM,
  ...[1, 4, 1, 0x60, 0, 0],
  ...[2, 13, 1, 3, 0x65, 0x6e, 0x76, 5, 0x66, 0x65, 0x74, 0x63, 0x68, 0, 0],
);

const encode = (text: string) => new TextEncoder().encode(text);

/** The same numbers for the same seed: a failure can be repeated. */
function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A whole package: `count` shards of `bytes` random bytes each, the required files and one library. */
async function makePackage(id: string, count: number, bytes: number, seed = 1): Promise<Content> {
  const random = createRandom(seed);
  const content: Content = new Map();
  for (const path of ['mlc-chat-config.json', 'tensor-cache.json', 'tokenizer.json'])
    content.set(path, encode(JSON.stringify({ path, id })));
  content.set('library.wasm', EMPTY_WASM);
  for (let index = 0; index < count; index += 1) {
    const shard = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 1) shard[at] = random(256);
    content.set(`params_shard_${index}.bin`, shard);
  }
  await sealManifest(content, id);
  return content;
}

async function sealManifest(content: Content, id: string): Promise<void> {
  content.delete(MANIFEST_FILE);
  const library = minimal.libraries[0];
  const manifest = {
    ...minimal,
    id,
    libraries: [{ ...library, path: 'library.wasm' }],
    files: await Promise.all(
      [...content].map(async ([path, file]) => ({ path, bytes: file.length, sha256: await sha256(file) })),
    ),
  };
  content.set(MANIFEST_FILE, encode(JSON.stringify(manifest)));
}

async function sign(content: Content): Promise<TrustedKeys> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
  const base64 = (buffer: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const publicKey = base64(await crypto.subtle.exportKey('raw', pair.publicKey));
  const manifest = content.get(MANIFEST_FILE) ?? new Uint8Array();
  const signature = base64(await crypto.subtle.sign('Ed25519', pair.privateKey, manifest));
  content.set(
    SIGNATURE_FILE,
    encode(JSON.stringify({ format: 'hypnos-signature/1', public_key: publicKey, signature })),
  );
  return { keys: [{ name: 'test', publicKey }], required: true };
}

const toSource = (content: Content): SourceDescriptor => ({
  kind: 'files',
  name: 'memory',
  files: [...content].map(([path, bytes]): PickedFile => ({ path, file: new File([bytes], path) })),
});

/** A folder in OPFS stands for the stick: its handle is what showDirectoryPicker gives. */
async function stick(name: string): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(`stick-${name}`, { create: true });
}

async function writeStick(name: string, content: Content): Promise<void> {
  const folder = await stick(name);
  for (const [path, bytes] of content) {
    const writable = await (await folder.getFileHandle(path, { create: true })).createWritable();
    await writable.write(bytes);
    await writable.close();
  }
}

async function importStick(name: string, onProgress: (progress: ImportProgress) => void = () => {}) {
  return worker.import({ kind: 'folder', handle: await stick(name) }, NO_TRUSTED_KEYS, onProgress);
}

/** Reads every installed package through the engine's reader; throws at the first wrong byte. @returns ids */
async function readAll(): Promise<readonly string[]> {
  const installed = await listInstalled();
  for (const { record, manifest } of installed) {
    const reader = new PackageReader(installedBaseUrl(record.key), manifest, packageFetch);
    for (const { path } of manifest.files) await reader.read(path);
  }
  return installed.map(({ manifest }) => manifest.id).sort();
}

async function names(room: 'blobs' | 'staging'): Promise<readonly string[]> {
  const folder = await openRoom(room);
  const found: string[] = [];
  if (folder) for await (const name of folder.keys()) found.push(name);
  return found;
}

/** When each blob was written, milliseconds since 1970: one that stays as it is was not written again. */
async function blobTimes(): Promise<Readonly<Record<string, number>>> {
  const folder = await openRoom('blobs');
  const times: Record<string, number> = {};
  if (folder)
    for await (const [name, handle] of folder.entries())
      times[name] = (await (handle as FileSystemFileHandle).getFile()).lastModified;
  return times;
}

/** Blobs that no installed package and no import to go on with lists, and files left in staging. */
async function orphans(): Promise<readonly string[]> {
  const pending = await listRecords<PendingRecord>('pending');
  const wanted = new Set(
    [...pending, ...(await listInstalled()).map(({ manifest }) => manifest)].flatMap(({ files }) =>
      files.map((file) => file.sha256),
    ),
  );
  return [...(await names('blobs')).filter((name) => !wanted.has(name)), ...(await names('staging'))];
}

interface Mutation {
  readonly name: string;
  /** The file that the refusal must name; null: the manifest or its signature. */
  readonly file: string | null;
  readonly content: Content;
}

type Mutate = (content: Content, random: (limit: number) => number) => Omit<Mutation, 'content'>;

const pick = <Value>(values: readonly Value[], random: (limit: number) => number): Value =>
  values[random(values.length)] as Value;
const listed = (content: Content) =>
  [...content.keys()].filter((path) => path !== MANIFEST_FILE && path !== SIGNATURE_FILE);

function changeManifest(content: Content, change: (manifest: PackageManifest) => unknown): void {
  const manifest = JSON.parse(new TextDecoder().decode(content.get(MANIFEST_FILE))) as PackageManifest;
  content.set(MANIFEST_FILE, encode(JSON.stringify(change(manifest) ?? manifest)));
}

const renamed = (path: string) => (manifest: PackageManifest) => {
  const [first, ...rest] = manifest.files;
  return { ...manifest, files: [{ ...first, path }, ...rest] };
};

const MUTATIONS: Readonly<Record<string, Mutate>> = {
  flip: (content, random) => {
    const file = pick(listed(content), random);
    const bytes = content.get(file)!.slice();
    bytes[random(bytes.length)]! ^= 1 << random(8);
    content.set(file, bytes);
    return { name: 'flip', file };
  },
  truncate: (content, random) => {
    const file = pick(listed(content), random);
    content.set(file, content.get(file)!.slice(0, random(content.get(file)!.length)));
    return { name: 'truncate', file };
  },
  extend: (content, random) => {
    const file = pick(listed(content), random);
    content.set(file, Uint8Array.of(...content.get(file)!, random(256)));
    return { name: 'extend', file };
  },
  swap: (content, random) => {
    const shards = listed(content).filter((path) => path.endsWith('.bin'));
    const first = pick(shards, random);
    const second = pick(
      shards.filter((path) => path !== first),
      random,
    );
    const bytes = content.get(first)!;
    content.set(first, content.get(second)!);
    content.set(second, bytes);
    return { name: 'swap', file: [first, second].sort()[0] ?? null };
  },
  rename: (content, random) => {
    const file = pick(listed(content), random);
    content.set(`${file}.old`, content.get(file)!);
    content.delete(file);
    return { name: 'rename', file };
  },
  omit: (content, random) => {
    const file = pick(listed(content), random);
    content.delete(file);
    return { name: 'omit', file };
  },
  add: (content, random) => {
    const file = pick(
      ['../evil.js', 'evil.js', 'sub/evil.bin', '/etc/passwd', 'params_shard_9999.bin'],
      random,
    );
    content.set(file, Uint8Array.of(1));
    return { name: 'add', file };
  },
  manifestByte: (content, random) => {
    const bytes = content.get(MANIFEST_FILE)!.slice();
    bytes[random(bytes.length)]! ^= 1 << random(8);
    content.set(MANIFEST_FILE, bytes);
    return { name: 'manifestByte', file: null };
  },
  manifestField: (content, random) => {
    changeManifest(content, (manifest) => {
      const key = pick(Object.keys(manifest), random);
      return Object.fromEntries(
        Object.entries(manifest).flatMap(([name, value]) =>
          name !== key
            ? [[name, value]]
            : // What is null already is left out, or nothing would have changed.
              pick(value === null ? [[]] : [[], [[name, null]], [[name, -1]], [[name, 1e308]]], random),
        ),
      );
    });
    return { name: 'manifestField', file: null };
  },
  manifestPath: (content, random) => {
    const path = pick(
      [
        '../up.json',
        '/abs.json',
        'a\\b.json',
        'C:x.json',
        'a/../b.json',
        '.hidden',
        'tokenizer.json',
        'x//y',
        'ü',
      ],
      random,
    );
    changeManifest(content, renamed(path));
    return { name: 'manifestPath', file: null };
  },
  manifestNumber: (content, random) => {
    const bytes = pick([-1, 0.5, 2 ** 53, 1e300], random);
    changeManifest(content, (manifest) => {
      const [first, ...rest] = manifest.files;
      return { ...manifest, files: [{ ...first, bytes }, ...rest] };
    });
    return { name: 'manifestNumber', file: null };
  },
  manifestTruncated: (content, random) => {
    const bytes = content.get(MANIFEST_FILE)!;
    content.set(MANIFEST_FILE, bytes.slice(0, random(bytes.length)));
    return { name: 'manifestTruncated', file: null };
  },
  signature: (content, random) => {
    const bytes = content.get(SIGNATURE_FILE)!.slice();
    bytes[random(bytes.length)]! ^= 1 << random(7);
    content.set(SIGNATURE_FILE, bytes);
    return { name: 'signature', file: null };
  },
};

/** @returns what was wrong: nothing, when every mutant was refused and named its file */
async function importMutants(count: number, seed: number): Promise<readonly string[]> {
  const random = createRandom(seed);
  const good = await makePackage('mutant', 4, 3000, seed);
  const trusted = await sign(good);
  const kinds = Object.keys(MUTATIONS);
  const problems: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const content: Content = new Map(good);
    const mutation = MUTATIONS[kinds[index % kinds.length] ?? 'flip']!(content, random);
    const result = await worker.import(toSource(content), trusted, () => {});
    const label = `${index} ${mutation.name} ${mutation.file ?? ''}`;
    if (result.ok) problems.push(`${label}: accepted`);
    else {
      const named = result.error.detail.file;
      const expected = mutation.file === null ? [MANIFEST_FILE, SIGNATURE_FILE] : [mutation.file];
      if (!expected.includes(String(named)))
        problems.push(`${label}: ${result.error.code} names ${String(named)}`);
    }
    if ((await listInstalled()).length > 0) problems.push(`${label}: something is loadable`);
    // Files that were right stay for going on later: the next mutant would find them instead of its own.
    for (const { key } of await listRecords<PendingRecord>('pending')) await worker.discard(key);
  }
  const result = await worker.import(toSource(good), trusted, () => {});
  if (!result.ok) problems.push(`the good one: ${JSON.stringify(result.error)}`);
  return problems;
}

/** A package whose library asks for more than the engine gives; its manifest is right. */
async function importFetchingLibrary(): Promise<CodedError | null> {
  const content = await makePackage('fetching', 1, 100);
  content.set('library.wasm', FETCHING_WASM);
  await sealManifest(content, 'fetching');
  const result = await worker.import(toSource(content), NO_TRUSTED_KEYS, () => {});
  return result.ok ? null : result.error;
}

/** Imports from a stick that is pulled when `share` of the bytes are here, plugs it in and goes on. */
async function importFromPulledStick(name: string, share: number) {
  const content = await makePackage(name, 24, 64_000, 7 + Math.round(share * 10)); // no bytes in common
  await writeStick(name, content);
  const folder = await stick(name);
  const files = await Promise.all(
    [...content.keys()].map(async (path) => ({
      path,
      file: await (await folder.getFileHandle(path)).getFile(),
    })),
  );
  // Gone for the reader from here on: the handles' files no longer are what they were.
  const order = listed(content);
  for (const path of order.slice(Math.floor(order.length * share))) await folder.removeEntry(path);
  const lost = await worker.import({ kind: 'files', name, files }, NO_TRUSTED_KEYS, () => {});
  const loadable = await readAll();
  await writeStick(name, content);
  const before = await blobTimes();
  const resumed = await importStick(name);
  const after = await blobTimes();
  return {
    lost: lost.ok ? null : lost.error.code,
    loadable,
    resumed: resumed.ok,
    /** Of what was verified before the stick was pulled: what the second import wrote again. */
    rewritten: Object.keys(before).filter((blob) => before[blob] !== after[blob]),
  };
}

/** For folders on disk: the bench picks one here. */
const picker = Object.assign(document.createElement('input'), { type: 'file', webkitdirectory: true });
document.body.append(picker);

/** Imports the picked folder. @returns milliseconds, up to the commit */
async function importPicked(): Promise<number> {
  const source = fromFileList(picker.files ?? []);
  const start = performance.now();
  const result: Result<string> = await worker.import(source, NO_TRUSTED_KEYS, () => {});
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return performance.now() - start;
}

/** Copies the picked folder into OPFS, unhashed, and deletes the copy. @returns milliseconds */
async function copyPicked(): Promise<number> {
  const source = fromFileList(picker.files ?? []);
  if (source.kind !== 'files') throw new Error('no folder is picked');
  const copier = new Worker(trustedScriptUrl(copyWorkerUrl), { type: 'module' });
  const answer = await new Promise<unknown>((resolve) => {
    copier.onmessage = ({ data }) => resolve(data);
    copier.postMessage({ folder: 'copied', files: source.files });
  });
  copier.terminate();
  if (typeof answer !== 'number') throw new Error(String(answer));
  return answer;
}

const test = {
  worker,
  importPicked,
  copyPicked,
  makeStick: async (name: string, count: number, bytes: number, seed: number) => {
    await writeStick(name, await makePackage(name, count, bytes, seed));
  },
  importStick: async (name: string) => importStick(name),
  importMutants,
  importFetchingLibrary,
  importFromPulledStick,
  readAll,
  blobTimes,
  orphans,
  blobCount: async () => (await names('blobs')).length,
  pending: async () => (await listRecords('pending')).map(({ key }) => key),
  keyOf: async (id: string) =>
    (await listInstalled()).find(({ manifest }) => manifest.id === id)?.record.key ?? null,
  tidy: async (purge: boolean) => worker.tidy(purge),
  /** Collects garbage while a blob of a removed package is held open, and let go only after the collection began. */
  tidyWhileHeld: async () => {
    const folder = await openRoom('blobs');
    const [name = ''] = await names('blobs');
    const writable = await (await folder!.getFileHandle(name)).createWritable();
    const tidied = worker.tidy(true);
    while ((await listRecords('removed')).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await writable.abort();
    return tidied;
  },
  /** Flips a bit of a blob in the store, as a failing disk does. */
  damage: async (id: string, path: string) => {
    const found = (await listInstalled()).find(({ manifest }) => manifest.id === id);
    const file = found?.manifest.files.find((candidate) => candidate.path === path);
    const root = await navigator.storage.getDirectory();
    const blobs = await (await root.getDirectoryHandle(STORE_FOLDER)).getDirectoryHandle('blobs');
    const handle = await blobs.getFileHandle(file?.sha256 ?? '');
    const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
    bytes[0]! ^= 1;
    const writable = await handle.createWritable();
    await writable.write(bytes);
    await writable.close();
  },
  readError: async () =>
    readAll().then(
      () => null,
      (error: unknown) => HypnosError.from(error).toCoded(),
    ),
  /** Imports, removes and tidies in a random order, as a user of one tab of two. */
  churn: async (names: readonly string[], rounds: number, seed: number) => {
    const random = createRandom(seed);
    const failures: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const name = pick(names, random);
      const result = await importStick(name);
      if (!result.ok) failures.push(JSON.stringify(result.error));
      const key = await test.keyOf(pick(names, random));
      if (key && random(2) === 0) await worker.remove(key);
      await worker.tidy(random(2) === 0);
    }
    return failures;
  },
};

declare global {
  interface Window {
    packages: typeof test;
  }
}
window.packages = test;
