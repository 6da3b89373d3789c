/** Virtual time, a fake server and a connected client, torn down after each test with a check that no timer is left. */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { connect } from '../../src/index.js';
import type { ConnectionState, ConnectOptions, Peal } from '../../src/types.js';
import { FakeServer } from './fake-server.js';

export interface Rig {
  readonly server: FakeServer;
  readonly peal: Peal;
  readonly states: ConnectionState[];
  readonly errors: string[];
}

const open: Peal[] = [];

export function virtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
  });
  afterEach(async () => {
    for (const peal of open.splice(0)) await peal.close();
    const leaked = vi.getTimerCount();
    vi.useRealTimers();
    vi.restoreAllMocks();
    expect(leaked, 'timers left after close()').toBe(0);
  });
}

/** Lets everything happen that needs no time. */
export const settle = () => vi.advanceTimersByTimeAsync(0);
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

export async function rig(options: Partial<ConnectOptions> = {}, server = new FakeServer()): Promise<Rig> {
  const auth = options.getToken || options.key ? {} : { getToken: () => 'token-1' };
  const peal = connect({ url: 'https://edge.test', WebSocket: server.WebSocket, ...auth, ...options });
  open.push(peal);
  const states: ConnectionState[] = [];
  const errors: string[] = [];
  peal.on('state', (state) => states.push(state));
  peal.on('error', (error) => errors.push(error.name));
  await settle();
  return { server, peal, states, errors };
}

/** The name of the error that a promise rejects with. */
export const refusalOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: Error) => error.name,
  );
