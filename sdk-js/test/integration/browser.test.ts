/** The same client in real Chromium, as a page would use it. */
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type * as PealClient from '../../src/index.js';
import { channelName, EVERYTHING, Running } from './peal.js';

/** What the tests put on the page's `window`. */
interface Probe {
  Peal: typeof PealClient;
  peal: PealClient.Peal;
  seen: unknown[];
  recovered: PealClient.Recovered[];
  tokens: number;
}
declare const window: Probe;

let peal: Running;
let site: Server;
let siteUrl: string;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  peal = await Running.start();
  const files: Record<string, [string, string]> = {
    '/': ['text/html', '<!doctype html><title>Peal</title><script src="/peal.js"></script>'],
    '/module': ['text/html', '<!doctype html><title>Peal</title>'],
    '/peal.js': ['text/javascript', await readFile(new URL('../../dist/peal.js', import.meta.url), 'utf8')],
    '/index.js': ['text/javascript', await readFile(new URL('../../dist/index.js', import.meta.url), 'utf8')],
  };
  site = createHttpServer(async (request, response) => {
    const path = request.url ?? '';
    const token = path === '/token' && peal.server.mintToken({ ...EVERYTHING, ttl: 32 });
    const [type, body] = token ? ['text/plain', token] : (files[path] ?? []);
    response.writeHead(body ? 200 : 404, {
      'Content-Type': type ?? 'text/plain',
      'Cache-Control': 'no-store',
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: process.env.PEAL_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

afterEach(async () => {
  await page?.close();
  await peal.finish();
});
afterAll(async () => {
  await browser?.close();
  site?.close();
  await peal?.stop();
});

async function open(path: string): Promise<void> {
  page = await browser.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(siteUrl + path);
}

/** Connects on the page and listens on a channel. */
async function listen(url: string, name: string): Promise<void> {
  await page.evaluate(
    async ([url, name]) => {
      window.seen = [];
      window.recovered = [];
      window.tokens = 0;
      window.peal = window.Peal.connect({
        url,
        getToken: () => {
          window.tokens++;
          return fetch('/token').then((response) => response.text());
        },
      });
      const room = window.peal.channel(name);
      room.on('message', (message) => window.seen.push(message.data));
      room.on('recovered', (recovery) => window.recovered.push(recovery));
      await room.subscribe();
    },
    [url, name] as const,
  );
}

const seen = () => page.evaluate(() => window.seen);

it('works from a script tag: publish, subscribe, presence, history, close', async () => {
  const name = channelName();
  await open('/');
  await listen(peal.edgeUrl, name);
  await peal.server.publish(name, 'said', { text: 'from the server' });
  const result = await page.evaluate(async (name) => {
    const room = window.peal.channel(name);
    await room.publish('said', { text: 'from the page' }, { echo: true });
    await room.presence.enter({ name: 'Ada' });
    const members = await room.presence.get();
    const { messages } = await room.history();
    return {
      members: [...members.values()].map(({ clientId, data }) => ({ clientId, data })),
      kept: messages.length,
    };
  }, name);
  expect(result).toEqual({ members: [{ clientId: 'ada', data: { name: 'Ada' } }], kept: 2 });
  await page.waitForFunction(() => window.seen.length === 2);
  expect(await seen()).toEqual([{ text: 'from the server' }, { text: 'from the page' }]);
  const state = await page.evaluate(async () => {
    await window.peal.close();
    return window.peal.state.name;
  });
  expect(state).toBe('closed');
  expect(complaints).toEqual([]);
});

it('works as a module, and renews its token in-band', async () => {
  const name = channelName();
  await open('/module');
  await page.addScriptTag({
    type: 'module',
    content: "import * as Peal from '/index.js'; window.Peal = Peal",
  });
  await page.waitForFunction(() => window.Peal);
  await listen(peal.edgeUrl, name);
  const connection = () =>
    page.evaluate(() => 'connection' in window.peal.state && window.peal.state.connection);
  const before = await connection();
  await page.waitForFunction(() => window.tokens >= 2);
  await peal.server.publish(name, 'e', 1);
  await page.waitForFunction(() => window.seen.length === 1);
  expect(await connection()).toBe(before);
  expect(complaints).toEqual([]);
});

it('resumes where it was when the network breaks', { timeout: 90_000 }, async () => {
  const name = channelName();
  const wire = await peal.wire();
  await open('/');
  await listen(wire.url, name);
  await peal.server.publish(name, 'e', 0);
  await page.waitForFunction(() => window.seen.length === 1);
  await wire.cut();
  await page.waitForFunction(() => window.peal.state.name === 'waiting');
  const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
  for (const n of numbers) await peal.server.publish(name, 'e', n);
  await wire.mend();
  await page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await page.waitForFunction(() => window.seen.includes(100), undefined, { timeout: 60_000 });
  expect(await seen()).toEqual([0, ...numbers]);
  expect(await page.evaluate(() => window.recovered.map(({ replay }) => replay))).toEqual([100]);
  expect(complaints).toEqual([]);
});

it('is served by the edge at /sdk/peal.js', async () => {
  const response = await fetch(`${peal.edgeUrl}/sdk/peal.js`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('javascript');
  await open('/module');
  await page.addScriptTag({ url: `${peal.edgeUrl}/sdk/peal.js` });
  await listen(peal.edgeUrl, channelName());
  expect(await page.evaluate(() => window.peal.state.name)).toBe('connected');
});
