// The size budget of the core: what a browser downloads, minified and gzipped. Fails above it.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

export const BUDGET_BYTES = 8_192;

export async function coreBytes() {
  return gzipSync(await readFile(new URL('../dist/index.js', import.meta.url)), { level: 9 }).length;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const bytes = await coreBytes();
  console.log(`dist/index.js: ${bytes} of ${BUDGET_BYTES} bytes gzipped`);
  if (bytes > BUDGET_BYTES) process.exitCode = 1;
}
