// Bundles for three readers: bundlers and Node (dist/index.js), servers (dist/server), and pages that have no build step
// (dist/peal.js, which the edge serves at /sdk/peal.js and which sets the global `Peal`). Declarations come from tsc.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
const common = { bundle: true, minify: true, target: 'es2022', legalComments: 'none', logLevel: 'warning' };
await Promise.all([
  build({ ...common, entryPoints: ['src/codes.ts'], outfile: 'dist/codes.js', format: 'esm' }),
  build({
    ...common,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.js',
    format: 'esm',
    sourcemap: true,
  }),
  build({
    ...common,
    entryPoints: ['src/server/index.ts'],
    outfile: 'dist/server/index.js',
    format: 'esm',
    platform: 'node',
    minify: false,
    sourcemap: true,
  }),
  build({
    ...common,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/peal.js',
    format: 'iife',
    globalName: 'Peal',
    // For `import '/sdk/peal.js'`, where a top-level `var` is no global.
    footer: { js: 'globalThis.Peal=Peal;' },
  }),
]);
