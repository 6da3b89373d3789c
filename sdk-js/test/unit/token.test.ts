import { describe, expect, it, vi } from 'vitest';
import { PealError } from '../../src/index.js';
import { FakeServer, refusal } from './fake-server.js';
import { pass, rig, settle, virtualTime } from './setup.js';

virtualTime();

const MINUTE = 60_000;

/** A token source that counts, and whose answers a test may hold back or refuse. */
function tokenSource() {
  const source = {
    calls: 0,
    running: 0,
    most: 0,
    answer: async (n: number): Promise<string> => `token-${n}`,
    getToken: async () => {
      source.most = Math.max(source.most, ++source.running);
      try {
        return await source.answer(++source.calls);
      } finally {
        source.running--;
      }
    },
  };
  return source;
}

function serverWithTokensFor(ms: number): FakeServer {
  const server = new FakeServer();
  server.expires = Date.now() + ms;
  server.on.refresh = () => {
    server.expires = Date.now() + ms;
    return { ok: { expires: server.expires } };
  };
  return server;
}

describe('renewal', () => {
  it('happens in-band 30 s before the expiry, again and again, without a new socket', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { peal } = await rig({ getToken: source.getToken }, server);
    await pass(4.5 * MINUTE - 1);
    expect(source.calls).toBe(1);
    await pass(1);
    expect(server.requests('refresh')).toEqual([{ token: 'token-2' }]);
    await pass(60 * MINUTE);
    expect(server.requests('refresh').length).toBe(1 + Math.floor(60 / 4.5));
    expect(server.sockets).toHaveLength(1);
    expect(peal.state.name).toBe('connected');
  });

  it('happens once when the timer and the push of the server meet', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { peal } = await rig({ getToken: source.getToken }, server);
    let held: (() => void) | undefined;
    const answer = server.on.refresh;
    server.on.refresh = (request) => {
      held = () => request.socket.push({ id: request.id, ...answer?.(request) });
      return undefined;
    };
    await pass(4.5 * MINUTE);
    server.socket.push({ expiring: { expires: server.expires } });
    await settle();
    held?.();
    await settle();
    expect(server.requests('refresh')).toHaveLength(1);
    expect(source.calls).toBe(2);
    expect(peal.state.name).toBe('connected');
  });

  it('follows the push of the server when the local clock is wrong, without hammering the token endpoint', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    vi.setSystemTime(Date.now() + 10 * MINUTE);
    server.on.refresh = () => ({ ok: { expires: Date.now() - 5 * MINUTE } });
    await rig({ getToken: source.getToken }, server);
    await pass(4 * MINUTE);
    expect(source.calls).toBe(1);
    server.socket.push({ expiring: { expires: server.expires } });
    await settle();
    expect(server.requests('refresh')).toHaveLength(1);
    await pass(4 * MINUTE);
    expect(source.calls).toBe(2);
  });

  it('is heard when the server announces the expiry in the very frame of its answer', async () => {
    const source = tokenSource();
    const server = new FakeServer();
    server.on.connect = ({ socket, id }) => {
      const expires = Date.now() + 20_000;
      socket.push({ id, ok: { connection: 'c', ping: 25_000, expires } }, { expiring: { expires } });
      return undefined;
    };
    server.expires = Date.now() + 5 * MINUTE;
    await rig({ getToken: source.getToken }, server);
    expect(server.requests('refresh')).toEqual([{ token: 'token-2' }]);
  });

  it('backs off while getToken fails, never twice at once, until the expiry; then reconnects', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { peal, errors } = await rig({ getToken: source.getToken }, server);
    source.answer = async () => {
      throw new Error('the endpoint is down');
    };
    await pass(4.5 * MINUTE);
    expect(errors).toEqual(['token_unavailable']);
    await pass(30_000);
    expect(source.calls).toBeGreaterThan(3);
    expect(source.calls).toBeLessThan(40);
    expect(peal.state.name).toBe('connected');
    server.socket.push({ error: refusal(40101, 'token_expired', { retryable: true }) });
    server.socket.drop(4401);
    await settle();
    expect(peal.state).toMatchObject({ name: 'waiting' });
    source.answer = async (n) => `late-${n}`;
    await pass(MINUTE);
    expect(peal.state.name).toBe('connected');
    expect(server.requests('connect').at(-1)).toMatchObject({ token: `late-${source.calls}` });
    expect(source.most).toBe(1);
  });

  it('shares one getToken with a reconnect that happens meanwhile', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { peal } = await rig({ getToken: source.getToken }, server);
    let release = (_token: string) => {};
    source.answer = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    await pass(4.5 * MINUTE);
    server.socket.drop(1006);
    await pass(1_000);
    expect(peal.state.name).toBe('connecting');
    release('shared');
    await settle();
    expect(peal.state.name).toBe('connected');
    expect(server.requests('connect').at(-1)).toMatchObject({ token: 'shared' });
    expect(server.requests('refresh')).toEqual([]);
    expect(source.calls).toBe(2);
  });

  it('tries another token when the server refuses one', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { errors } = await rig({ getToken: source.getToken }, server);
    const accept = server.on.refresh;
    server.on.refresh = () => ({ error: refusal(40305, 'client_id_mismatch') });
    await pass(4.5 * MINUTE);
    expect(errors).toEqual(['client_id_mismatch']);
    if (accept) server.on.refresh = accept;
    await pass(1_000);
    expect(server.requests('refresh')).toEqual([{ token: 'token-2' }, { token: 'token-3' }]);
    expect(errors).toHaveLength(1);
  });

  it('takes a token that never comes for a failure after 30 s', async () => {
    const source = tokenSource();
    source.answer = () => new Promise(() => {});
    const { peal, errors } = await rig({ getToken: source.getToken });
    await pass(30_000);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'token_unavailable' } });
    expect(errors).toEqual(['token_unavailable']);
  });
});

describe('a token for a connection', () => {
  it('is reused while it is good, and fetched afresh when it is not', async () => {
    const source = tokenSource();
    const server = serverWithTokensFor(5 * MINUTE);
    const { peal } = await rig({ getToken: source.getToken }, server);
    await pass(MINUTE);
    server.socket.drop(1006);
    await pass(1_000);
    expect(peal.state.name).toBe('connected');
    expect(source.calls).toBe(1);
    await pass(30_000);
    server.refusing = true;
    server.socket.drop(1006);
    await pass(4 * MINUTE);
    server.refusing = false;
    await pass(MINUTE);
    expect(peal.state.name).toBe('connected');
    expect(source.calls).toBeGreaterThan(1);
    expect(source.most).toBe(1);
  });

  it('does not ask for one token per attempt while the server is away', async () => {
    const source = tokenSource();
    const server = new FakeServer();
    server.refusing = true;
    await rig({ getToken: source.getToken }, server);
    await pass(25_000);
    expect(server.sockets.length).toBeGreaterThan(2);
    expect(source.calls).toBe(1);
  });

  it('is fetched afresh at once on 4400 to 4499, and with backoff when that does not help', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const source = tokenSource();
    const { server, peal } = await rig({ getToken: source.getToken });
    await pass(10_000);
    server.socket.drop(4402);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: 0 });
    await pass(1);
    expect(server.requests('connect').at(-1)).toMatchObject({ token: 'token-2' });
    server.socket.drop(4401);
    await pass(1);
    server.socket.drop(4401);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: 2_000 });
  });

  it('with a key instead, 4400 to 4499 only back off', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { server, peal } = await rig({ key: 'k' });
    server.socket.drop(4401);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: 1_000 });
  });

  it('is not asked for again when the application gives up', async () => {
    const source = tokenSource();
    source.answer = async () => {
      throw new PealError({ code: 1, name: 'signed_out', message: 'Signed out.', retryable: false });
    };
    const { peal } = await rig({ getToken: source.getToken });
    expect(peal.state).toMatchObject({ name: 'failed', error: { name: 'signed_out' } });
    await pass(10 * MINUTE);
    expect(source.calls).toBe(1);
  });

  it('must be a string', async () => {
    const { peal } = await rig({ getToken: (() => ({ token: 'x' })) as unknown as () => string });
    expect(peal.state).toMatchObject({ name: 'failed', error: { message: /as a string/ } });
  });

  it('may be returned without a promise, and a throwing getToken is a failed one', async () => {
    const { peal } = await rig({
      getToken: () => {
        throw new Error('boom');
      },
    });
    expect(peal.state).toMatchObject({ name: 'waiting', error: { message: /boom/ } });
  });
});
