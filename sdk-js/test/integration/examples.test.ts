/** The examples, started as their README says and used in real Chromium. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { APP, Running } from './peal.js';

let peal: Running;
let browser: Browser;
const examples: ChildProcess[] = [];

beforeAll(async () => {
  peal = await Running.start();
  browser = await chromium.launch({
    executablePath: process.env.PEAL_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const example of examples.splice(0)) example.kill();
});
afterAll(async () => {
  await browser?.close();
  await peal?.stop();
});

/** Starts an example on a free port and answers where it is. */
function start(name: string): Promise<string> {
  const example = spawn(
    process.execPath,
    [fileURLToPath(new URL(`../../examples/${name}/server.mjs`, import.meta.url))],
    {
      env: { ...process.env, PEAL_URL: peal.edgeUrl, PEAL_KEY: `${APP.key}:${APP.secret}`, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  examples.push(example);
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [example.stdout, example.stderr])
      stream?.on('data', (chunk) => {
        output += chunk;
        const url = output.match(/http:\/\/[^\s]+/)?.[0];
        if (url) resolve(url);
      });
    example.once('exit', () => reject(new Error(output)));
  });
}

async function open(url: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById('state')?.textContent === 'connected');
  return page;
}

it('chat: rooms, who is here, who is typing, and what was said before', async () => {
  const url = await start('chat');
  const ada = await open(`${url}/?name=ada`);
  const bob = await open(`${url}/?name=bob`);
  await expect.poll(() => ada.textContent('#members')).toBe('ada, bob');
  await bob.type('#text', 'hello');
  await expect.poll(() => ada.textContent('#typing')).toContain('bob');
  await bob.press('#text', 'Enter');
  await expect.poll(() => ada.textContent('#messages')).toBe('bob: hello');
  await expect.poll(() => bob.textContent('#messages')).toBe('bob: hello');

  await bob.click('[data-room=tea]');
  await expect.poll(() => ada.textContent('#members')).toBe('ada');
  await expect.poll(() => bob.textContent('#members')).toBe('bob');
  const late = await open(`${url}/?name=eve`);
  await expect.poll(() => late.textContent('#messages')).toBe('bob: hello');
});

it('notifications: a feed of one user, with what came while nobody looked', async () => {
  const url = await start('notifications');
  const notify = async (user: string, text: string) => {
    const answer = await fetch(`${url}/notify`, { method: 'POST', body: JSON.stringify({ user, text }) });
    expect(answer.status).toBe(200);
  };
  await notify('ada', 'before');
  const ada = await open(`${url}/?user=ada`);
  await expect.poll(() => ada.textContent('#feed')).toContain('before');
  const bob = await open(`${url}/?user=bob`);
  await notify('ada', 'for ada');
  await notify('bob', 'for bob');
  await expect.poll(() => ada.textContent('#feed')).toContain('for ada');
  await expect.poll(() => bob.textContent('#feed')).toContain('for bob');
  expect(await bob.textContent('#feed')).not.toContain('ada');
});
