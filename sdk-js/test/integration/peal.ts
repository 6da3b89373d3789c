/** The real server for a test file, and a wire to it that can be cut. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
  connect as tcpConnect,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { type ConnectOptions, connect, type Peal } from '../../src/index.js';
import { createServer, type PealServer, type TokenOptions } from '../../src/server/index.js';

const BINARY = process.env.PEAL_BIN ?? fileURLToPath(new URL('../../../target/debug/peal', import.meta.url));

export const APP = {
  id: '482910573',
  key: 'sdkTestKey0000000001',
  secret: 'sdkTestSecret00000000000000000000000000001',
};
export const EVERYTHING: TokenOptions = { clientId: 'ada', capabilities: { '*': ['*'] } };

export class Running {
  readonly #clients: Peal[] = [];
  readonly #wires: Wire[] = [];

  private constructor(
    readonly edgeUrl: string,
    readonly server: PealServer,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** `ports` of edge, API and admin; free ones by default. */
  static async start(ports?: readonly number[]): Promise<Running> {
    if (!existsSync(BINARY))
      throw new Error(`${BINARY} is missing: build it with cargo build -p peal-cli, or set PEAL_BIN`);
    const folder = await mkdtemp(join(tmpdir(), 'peal-sdk-'));
    const readyFile = join(folder, 'ready.json');
    const [edge, api, admin] = ports ?? (await freePorts(3));
    const child = spawn(
      BINARY,
      [
        'dev',
        '--ephemeral',
        ...['--data-dir', join(folder, 'data')],
        ...['--edge-addr', `127.0.0.1:${edge}`],
        ...['--api-addr', `127.0.0.1:${api}`],
        ...['--admin-addr', `127.0.0.1:${admin}`],
        ...['--seed-app', `${APP.id}:${APP.key}:${APP.secret}`],
        ...['--ready-file', readyFile],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    const ready = await readyWhen(readyFile, child).catch(async (error: Error) => {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
      throw new Error(`${error.message}\n${output}`);
    });
    const server = createServer({ url: ready.edge_url, app: APP.id, key: APP.key, secret: APP.secret });
    return new Running(ready.edge_url, server, child, folder);
  }

  /** A client that `finish` closes. */
  client(token: TokenOptions = EVERYTHING, options: Partial<ConnectOptions> = {}): Peal {
    const peal = connect({
      url: this.edgeUrl,
      getToken: () => this.server.mintToken(token),
      WebSocket,
      ...options,
    });
    this.#clients.push(peal);
    return peal;
  }

  async wire(): Promise<Wire> {
    const wire = await Wire.to(this.edgeUrl);
    this.#wires.push(wire);
    return wire;
  }

  async finish(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((peal) => peal.close()));
    for (const wire of this.#wires.splice(0)) await wire.cut();
  }

  /** `survivor` stays open and sees the server go. */
  async stop(survivor?: Peal): Promise<void> {
    if (survivor) this.#clients.splice(this.#clients.indexOf(survivor), 1);
    await this.finish();
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.kill('SIGTERM')) await gone;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A TCP proxy in front of the edge: while it is cut, open connections are gone and new ones refused. */
export class Wire {
  readonly #sockets = new Set<Socket>();
  #listener: Server | undefined;
  #port = 0;

  private constructor(private readonly target: URL) {}

  static async to(url: string): Promise<Wire> {
    const wire = new Wire(new URL(url));
    await wire.mend();
    return wire;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async cut(): Promise<void> {
    const closing = new Promise((resolve) =>
      this.#listener ? this.#listener.close(resolve) : resolve(undefined),
    );
    for (const socket of this.#sockets) socket.destroy();
    await closing;
    this.#listener = undefined;
  }

  async mend(): Promise<void> {
    const listener = createTcpServer((near) => {
      const far = tcpConnect(Number(this.target.port), this.target.hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    await new Promise<void>((resolve) => listener.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
  }
}

/** Resolves once the condition holds; what is waited for is in the message when it never does. */
export async function until(what: string, holds: () => boolean, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let names = 0;
/** A channel that no other test uses. */
export const channelName = (prefix = 'test') => `${prefix}.${process.pid}-${++names}`;

interface Ready {
  edge_url: string;
}

async function readyWhen(file: string, child: ChildProcess): Promise<Ready> {
  await until('the ready file', () => existsSync(file) || child.exitCode !== null, 50_000);
  if (child.exitCode !== null) throw new Error(`peal dev ended with ${child.exitCode}`);
  // Written at once, but the name may be visible before the content.
  for (;;) {
    const text = await readFile(file, 'utf8');
    if (text.trim().endsWith('}')) return JSON.parse(text) as Ready;
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const listeners = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Server>((resolve) => {
          const listener = createTcpServer().listen(0, '127.0.0.1', () => resolve(listener));
        }),
    ),
  );
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port);
  await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
  return ports;
}
