// Starts `peal dev` once for the whole run, with two cores and one app, and stops it afterwards.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const binary = process.env.PEAL_BIN ?? join(here, '../../../target/debug/peal');

export const APP = { id: '412345678', key: 'compatkey', secret: 'compatsecret-compatsecret-compat' };

export default async function setup({ provide }) {
  if (!existsSync(binary)) throw new Error(`${binary} does not exist; build it with cargo build -p peal-cli`);
  const folder = mkdtempSync(join(tmpdir(), 'peal-compat-'));
  const ready = join(folder, 'ready.json');
  const args = [
    'dev',
    '--ephemeral',
    '--cores',
    '2',
    '--data-dir',
    join(folder, 'data'),
    '--ready-file',
    ready,
  ];
  for (const flag of ['--edge-addr', '--api-addr', '--admin-addr']) args.push(flag, '127.0.0.1:0');
  args.push('--seed-app', `${APP.id}:${APP.key}:${APP.secret}`);
  const server = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  const started = Date.now();
  while (!existsSync(ready)) {
    if (server.exitCode !== null || Date.now() - started > 60_000)
      throw new Error(`peal dev did not start:\n${log}`);
    await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  provide('server', { ...JSON.parse(readFileSync(ready, 'utf8')), app: APP });
  return async () => {
    server.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
}
