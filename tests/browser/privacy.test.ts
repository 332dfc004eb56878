/**
 * Nothing leaves the laptop. Every host name but localhost leads to a listener; a whole chat with the real engine must
 * leave it silent, and so must a page, a worker and a service worker that try.
 */
import http from 'node:http';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listenAsForeignWorld } from './foreignListener.ts';
import type { ForeignListener } from './foreignListener.ts';
import { launchBrowser, startSite } from './harness.ts';
import type { Browser, Site } from './harness.ts';
import { ask, waitForPhase, waitForServiceWorker } from './support.ts';

let world: ForeignListener;
let site: Site;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  world = await listenAsForeignWorld();
  site = await startSite();
  browser = await launchBrowser({ args: world.chromiumArguments });
  page = await browser.newPage(site.url);
  await waitForServiceWorker(page);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await world?.close();
});

/** Chromium itself asks its maker's hosts now and then; what the page could have caused carries this name. */
const TRAP = 'trap.example';

describe('nothing leaves', () => {
  test('the listener hears what is sent to it', async () => {
    const before = world.contacts.length;
    await new Promise((resolve) => http.get({ port: world.port, path: '/control' }, resolve));
    expect(world.contacts.slice(before)).toEqual(['GET /control HTTP/1.1']);
    // The browser's foreign names do lead here: a page without our policy reaches it.
    const bare = await browser.newPage('about:blank');
    await bare.goto(`http://${TRAP}:${world.port}/navigated`).catch(() => null);
    await bare.close();
    expect(world.contacts.some((line) => line.includes('/navigated'))).toBe(true);
  });

  test('a whole chat, with the model loaded and history written', async () => {
    await page.reload(); // from here on the service worker answers
    const before = world.contacts.length;
    await waitForPhase(page, 'ready');
    await ask(page, '丙泊酚的诱导剂量是多少？');
    await ask(page, '老年人呢？');
    expect(world.contacts.slice(before)).toEqual([]);
  });

  test('a page that tries', async () => {
    const before = world.contacts.length;
    await page.evaluate(async (host) => {
      const url = `http://${host}/from-page`;
      const settle = (attempt: () => unknown) =>
        Promise.resolve()
          .then(attempt)
          .catch(() => null);
      await settle(() => fetch(url, { mode: 'no-cors' }));
      await settle(() => navigator.sendBeacon(url, 'x'));
      await settle(() => new WebSocket(`ws://${host}/from-page`));
      await settle(() => new EventSource(url));
      await settle(() => {
        const image = new Image();
        image.src = url;
      });
      await settle(() => {
        const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: url });
        document.head.append(link);
      });
      await settle(() => {
        const frame = Object.assign(document.createElement('iframe'), { src: url });
        document.body.append(frame);
      });
      await settle(() => {
        const form = Object.assign(document.createElement('form'), {
          action: url,
          method: 'POST',
          target: '_blank',
        });
        document.body.append(form);
        form.submit();
      });
      await settle(async () => {
        const connection = new RTCPeerConnection({ iceServers: [{ urls: `stun:${host}` }] });
        connection.createDataChannel('x');
        await connection.setLocalDescription(await connection.createOffer());
        await new Promise((resolve) => setTimeout(resolve, 3000));
        connection.close();
      });
    }, `${TRAP}:${world.port}`);
    expect(world.contacts.slice(before)).toEqual([]);
  });

  test('a worker and a service worker that try', async () => {
    const before = world.contacts.length;
    const host = `${TRAP}:${world.port}`;
    const attempt = async (from: string) => {
      await fetch(`http://${from}/worker`, { mode: 'no-cors' }).catch(() => null);
      await new Promise((resolve) => {
        const socket = new WebSocket(`ws://${from}/worker`);
        socket.onerror = socket.onopen = resolve;
      }).catch(() => null);
      return true;
    };
    const workers = page.workers();
    expect(workers.length).toBeGreaterThan(0);
    for (const worker of workers) expect(await worker.evaluate(attempt, host)).toBe(true);
    const [serviceWorker] = browser.context.serviceWorkers();
    expect(await serviceWorker!.evaluate(attempt, host)).toBe(true);
    expect(world.contacts.slice(before)).toEqual([]);
  });

  test('no third-party origin is written into the build', async () => {
    const entry = await page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.includes('precache'));
      const requests = (
        await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
      ).flat();
      return Promise.all(
        requests
          .filter((request) => /\.(js|css|html)(\?|$)/.test(request.url))
          .map(async (request) => ({ url: request.url, text: await (await fetch(request.url)).text() })),
      );
    });
    const loads = /(?:src|href)=["']https?:\/\/(?!localhost)|@import\s+["']?https?:|url\(["']?https?:/i;
    for (const { url, text } of entry.filter(({ url: name }) => !name.includes('engine.worker'))) {
      expect(loads.test(text), url).toBe(false);
    }
  });
});
