/** Writes kept weights as a load does and, told to, stops for good before the commit: then the test kills the browser. */
import { TRANSCODING_FORMAT } from '../../../src/engine/worker/gguf/transcode.ts';
import { openPackage } from '../../../src/engine/worker/wllama/package.ts';
import { weightsKey } from '../../../src/packages/keptWeights.ts';
import { fetchManifest, PackageReader } from '../../../src/packages/reader.ts';
import { WeightsWriter } from '../../../src/packages/worker/weightsWriter.ts';

const fetchFile = (url: string, init: RequestInit) => fetch(url, init);

self.onmessage = async ({ data: baseUrl }: MessageEvent<string>) => {
  const manifest = await fetchManifest(baseUrl, fetchFile);
  const opened = await openPackage(new PackageReader(baseUrl, manifest, fetchFile), Infinity, {});
  const writer = await WeightsWriter.open(await weightsKey(manifest.id, manifest, TRANSCODING_FORMAT));
  await opened.weights({}, async ({ file, bytes }) => writer?.write(file, bytes));
  self.postMessage(writer ? 'written' : 'not open');
  // Never committed, never let go.
};
