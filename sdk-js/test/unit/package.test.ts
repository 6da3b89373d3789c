/** What the package promises as a package: its size, its version, its entry points. */
import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { BUDGET_BYTES, coreBytes } from '../../scripts/size.js';
import { VERSION } from '../../src/version.js';

const root = new URL('../../', import.meta.url);
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));

it(`keeps the core within ${BUDGET_BYTES} bytes, minified and gzipped`, async () => {
  expect(await coreBytes()).toBeLessThanOrEqual(BUDGET_BYTES);
});

it('tells the server the version of the package', () => {
  expect(VERSION).toBe(manifest.version);
});

it('has no dependencies and no side effects', () => {
  expect(manifest.dependencies).toBeUndefined();
  expect(manifest.peerDependencies).toBeUndefined();
  expect(manifest.sideEffects).toBe(false);
});

it('has an entry point with types for clients and one for servers', async () => {
  for (const [entry, name] of [
    ['.', 'connect'],
    ['./server', 'createServer'],
    ['./codes', 'codes'],
  ] as const) {
    const { types, default: file } = manifest.exports[entry];
    expect(await import(new URL(file, root).href)).toHaveProperty(name);
    expect(await readFile(new URL(types, root), 'utf8')).toContain(name);
  }
});

it('keeps Node out of the client and the secret out of the browser', async () => {
  for (const file of ['dist/index.js', 'dist/peal.js']) {
    const bundle = await readFile(new URL(file, root), 'utf8');
    expect(bundle).not.toMatch(/node:|createHmac|secret/);
    expect(bundle).not.toMatch(/\bimport\b/);
  }
});

it('sets the global Peal as a script', async () => {
  const script = await readFile(new URL('dist/peal.js', root), 'utf8');
  const page: { Peal?: { connect?: unknown; PealError?: unknown } } = {};
  runInNewContext(script, page);
  expect(typeof page.Peal?.connect).toBe('function');
  expect(typeof page.Peal?.PealError).toBe('function');
});
