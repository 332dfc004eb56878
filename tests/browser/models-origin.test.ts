/** Where a model comes from and who vouches for it, on the built page: a plain MLC folder, a tar, the hospital's keys. */
import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../src/server/setup.mjs';
import { launchBrowser, scriptedEngine, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { flipByteInStore, offences, storedBlobs, waitForPhase, waitForServiceWorker } from './support.ts';

const DEMO = path.join(ROOT, 'public/models/hypnos-demo');
const MANIFEST = 'hypnos-package.json';
/** What mlc_llm does not write. */
const OURS = [MANIFEST, 'NOTICE', 'licences'];

let folder: string;
let site: Site;
let browser: Browser;
let page: Page;
/** models/trusted-keys.json, as the hospital wrote it. */
let trusted: unknown;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'hypnos-origin-'));
  const engine = await scriptedEngine();
  site = await startSite({
    override: (file) =>
      file === '/models/trusted-keys.json'
        ? { body: JSON.stringify(trusted), type: 'application/json' }
        : engine(file),
  });
});
afterAll(async () => {
  await site?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  pin([], false);
  browser = await launchBrowser();
  page = await browser.newPage(`${site.url}#/models`);
  await waitForPhase(page, 'ready');
});
afterEach(() => browser?.close());

interface Key {
  /** Base64 of its 32 bytes. */
  readonly publicKey: string;
  sign(bytes: Uint8Array): string;
}

function createKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64'),
    sign: (bytes) => sign(null, bytes, privateKey).toString('base64'),
  };
}

function pin(keys: readonly Key[], required: boolean): void {
  trusted = {
    format: 'hypnos-trusted-keys/1',
    keys: keys.map(({ publicKey }) => ({ name: '测试医院', public_key: publicKey })),
    required,
  };
}

/** The demonstration package in a folder of this name, signed with the key. */
async function signedFolder(name: string, key: Key): Promise<string> {
  const copy = path.join(folder, name);
  await cp(DEMO, copy, { recursive: true });
  const signature = {
    format: 'hypnos-signature/1',
    public_key: key.publicKey,
    signature: key.sign(await readFile(path.join(DEMO, MANIFEST))),
  };
  await writeFile(path.join(copy, 'hypnos-package.sig'), JSON.stringify(signature));
  return copy;
}

const importFolder = (from: string) => page.getByTestId('import-folder').setInputFiles(from);
const importedFrom = (kind: '文件夹' | '文件', name: string): Locator =>
  page.getByRole('article').filter({ hasText: `从${kind}“${name}”导入` });

async function expectRefused(reason: string): Promise<void> {
  await page
    .getByRole('alert')
    .filter({ hasText: '模型的签名不对或缺失' })
    .filter({ hasText: reason })
    .waitFor();
  expect(await page.getByRole('article').filter({ hasText: '导入 ·' }).count()).toBe(0);
}

test('a folder as mlc_llm writes it is unverified, its hashes are shown, and it is repaired like any other', async () => {
  const plain = path.join(folder, 'qwen-mlc');
  await cp(DEMO, plain, { recursive: true, filter: (from) => !OURS.includes(path.basename(from)) });
  await importFolder(plain);
  const card = importedFrom('文件夹', 'qwen-mlc');
  await card.getByText('来源未核实', { exact: true }).waitFor();
  await card.getByText(/来源未经核实的模型文件夹/).waitFor();
  await card.getByText('来源与许可').click();
  await card.getByText('这些哈希是在本机计算的，只能防止之后损坏，不能证明来源。').waitFor();
  await card.getByText('无签名', { exact: true }).waitFor();
  await card.getByText('逐个列出').click();
  for (const name of ['params_shard_0.bin', 'hypnos-demo-gpu.wasm', 'tokenizer.json']) {
    const sha256 = createHash('sha256')
      .update(await readFile(path.join(plain, name)))
      .digest('hex');
    await card.getByRole('listitem').filter({ hasText: name }).filter({ hasText: sha256 }).waitFor();
  }
  expect(await offences(page)).toEqual([]);

  await card.getByRole('button', { name: '载入', exact: true }).click();
  await card.getByText('运行中', { exact: true }).waitFor();
  await flipByteInStore(page, 'params_shard_0.bin');
  await card.getByRole('button', { name: '重新校验', exact: true }).click();
  await card.getByText(/有 1 个文件损坏：params_shard_0\.bin/).waitFor();
  await page.getByTestId('repair-folder').setInputFiles(plain);
  await card.getByText(/校验通过/).waitFor();
});

test('a .hypnos file may be a tar', async () => {
  const archive = path.join(folder, 'demo.hypnos');
  const made = spawnSync('tar', ['--format=ustar', '-C', path.dirname(DEMO), '-cf', archive, 'hypnos-demo']);
  expect(made.status, String(made.stderr)).toBe(0);
  await page.getByTestId('import-archive').setInputFiles(archive);
  const card = importedFrom('文件', 'demo.hypnos');
  await card.waitFor();
  await card.getByRole('button', { name: '重新校验', exact: true }).click();
  await card.getByText(/校验通过：\d+ 个文件全部相符/).waitFor();
  expect(await card.getByText('来源未核实', { exact: true }).count()).toBe(0);
});

test('a folder that is dropped on the page is installed, and something else is refused', async () => {
  const zone = page.getByText('也可以把模型文件夹');
  const devtools = await browser.context.newCDPSession(page);
  const drop = async (files: readonly string[]) => {
    await zone.scrollIntoViewIfNeeded();
    const box = (await zone.boundingBox())!;
    const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const data = { items: [], files: [...files], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
      await devtools.send('Input.dispatchDragEvent', { type, ...at, data });
  };
  await drop([path.join(DEMO, 'tokenizer.json')]);
  await page.getByRole('alert').filter({ hasText: '?' }).waitFor();
  await drop([DEMO]);
  await importedFrom('文件夹', 'hypnos-demo').waitFor();
});

test('two versions of a model stand side by side, and each is removed for itself', async () => {
  const newer = path.join(folder, 'newer');
  await cp(DEMO, newer, { recursive: true });
  const manifest = await readFile(path.join(DEMO, MANIFEST), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  await writeFile(
    path.join(newer, MANIFEST),
    manifest.replace(`"version": "${version}"`, '"version": "99.0.0"'),
  );
  await importFolder(DEMO);
  const old = importedFrom('文件夹', 'hypnos-demo').filter({ hasText: `版本 ${version}` });
  await old.waitFor();
  const before = await storedBlobs(page);
  await importFolder(newer);
  const fresh = importedFrom('文件夹', 'newer').filter({ hasText: '版本 99.0.0' });
  await fresh.waitFor();
  expect(await old.count()).toBe(1);
  expect(await storedBlobs(page)).toBe(before); // the same weights are there once
  await old.getByRole('button', { name: '移除', exact: true }).click();
  await page.getByText(/^已移除：/).waitFor();
  await fresh.getByRole('button', { name: '载入', exact: true }).click();
  await fresh.getByText('运行中', { exact: true }).waitFor();
  await fresh.getByRole('button', { name: '重新校验', exact: true }).click();
  await fresh.getByText(/校验通过：\d+ 个文件全部相符/).waitFor();
});

test('an import is cancelled half-way: nothing of it is loadable, and it can go on or be dropped', async () => {
  const large = path.join(folder, 'large');
  await cp(DEMO, large, { recursive: true });
  const bytes = 2 ** 30;
  const hash = createHash('sha256');
  const zeros = Buffer.alloc(2 ** 20);
  for (let at = 0; at < bytes; at += zeros.length) hash.update(zeros);
  await writeFile(path.join(large, 'params_shard_1.bin'), '');
  await truncate(path.join(large, 'params_shard_1.bin'), bytes); // a hole on this disk, a gigabyte to the page
  const manifest = JSON.parse(await readFile(path.join(large, MANIFEST), 'utf8')) as { files: unknown[] };
  manifest.files.push({ path: 'params_shard_1.bin', bytes, sha256: hash.digest('hex') });
  await writeFile(path.join(large, MANIFEST), JSON.stringify(manifest));
  await importFolder(large);
  await page.getByText('params_shard_1.bin').first().waitFor();
  await page.getByRole('button', { name: '取消', exact: true }).click();
  await page.getByText(/^未完成的导入：/).waitFor();
  expect(await page.getByRole('article').filter({ hasText: '导入 ·' }).count()).toBe(0);
  expect(await page.getByRole('alert').count()).toBe(0); // what one asked for is no failure
  expect(await storedBlobs(page)).toBeGreaterThan(0); // what was verified stays for going on
  await page.getByRole('button', { name: '放弃并删除', exact: true }).click();
  await expect.poll(() => storedBlobs(page)).toBe(0);
});

test('a key that the hospital pinned is named; one that it did not is told apart', async () => {
  const [hospital, stranger] = [createKey(), createKey()];
  pin([hospital], true);
  await importFolder(await signedFolder('signed', hospital));
  await importedFrom('文件夹', 'signed').getByText('签名有效：测试医院', { exact: true }).first().waitFor();

  pin([hospital], false);
  await importFolder(await signedFolder('strange', stranger));
  const card = importedFrom('文件夹', 'strange');
  await card.getByText('来源与许可').click();
  await card.getByText('签名有效，但公钥不在医院的可信名单里', { exact: true }).waitFor();
  expect(await card.getByText(/签名有效：/).count()).toBe(0);
});

test('where a signature is required, nothing else is installed, also without the server', async () => {
  const hospital = createKey();
  pin([hospital], true);
  await importFolder(DEMO);
  await expectRefused('missing');
  await importFolder(await signedFolder('other-key', createKey()));
  await expectRefused('not trusted');
  const forged = await signedFolder('forged', hospital);
  const manifest = await readFile(path.join(forged, MANIFEST), 'utf8');
  await writeFile(path.join(forged, MANIFEST), manifest.replace('"hypnos-demo"', '"hypnos-demo-2"'));
  expect(await readFile(path.join(forged, MANIFEST), 'utf8')).not.toBe(manifest);
  await importFolder(forged);
  await expectRefused('does not belong to this manifest');

  await waitForServiceWorker(page);
  await site.pause();
  try {
    await page.reload();
    await importFolder(DEMO);
    await expectRefused('missing');
    expect(await storedBlobs(page)).toBe(0);
  } finally {
    await site.resume();
  }
});
