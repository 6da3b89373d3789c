import { describe, expect, it, vi } from 'vitest';
import { BACKOFF_BASE_MS, BACKOFF_MAX_MS, backoff } from '../../src/backoff.js';
import { closeAction } from '../../src/close-codes.js';
import { connect, PealError } from '../../src/index.js';
import type { WebSocketConstructor } from '../../src/types.js';
import { FakeServer, refusal } from './fake-server.js';
import { pass, refusalOf, rig, settle, virtualTime } from './setup.js';

virtualTime();

const names = (states: { name: string }[]) => states.map(({ name }) => name);

describe('connecting', () => {
  it('sends the token, the version and the client, and reports the connection', async () => {
    const { server, peal, states } = await rig();
    expect(server.socket.url).toBe('wss://edge.test/v1/connect');
    expect(server.requests('connect')).toEqual([
      { token: 'token-1', client: expect.stringMatching(/^peal-js\/\d/), version: 1 },
    ]);
    expect(peal.state).toEqual({ name: 'connected', connection: 'c1', clientId: 'ada' });
    expect(names(states)).toEqual(['connected']);
  });

  it('connects with a public key id', async () => {
    const { server, peal } = await rig({ key: 'abc' });
    expect(server.requests('connect')[0]).toMatchObject({ key: 'abc' });
    expect(peal.state.name).toBe('connected');
  });

  it.each([
    ['http://127.0.0.1:7100', 'ws://127.0.0.1:7100/v1/connect'],
    ['https://a.test/base/', 'wss://a.test/base/v1/connect'],
    ['wss://a.test', 'wss://a.test/v1/connect'],
  ])('turns %s into %s', async (url, expected) => {
    const { server } = await rig({ url });
    expect(server.socket.url).toBe(expected);
  });

  it.each([
    [{}, 'exactly one of'],
    [{ key: 'k', getToken: () => 't' }, 'exactly one of'],
    [{ key: 'k', url: 'nonsense' }, 'Not a URL'],
  ])('refuses options that make no sense: %o', (options, message) => {
    const { WebSocket } = new FakeServer();
    const attempt = () => connect({ url: 'https://edge.test', WebSocket, ...options });
    expect(attempt).toThrow(PealError);
    expect(attempt).toThrow(message);
  });

  it('says what to pass where the platform has no WebSocket', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => connect({ url: 'https://edge.test', key: 'k' })).toThrow(/package 'ws'/);
    vi.unstubAllGlobals();
  });

  it('gives up on a socket that does not open within 10 s and tries again', async () => {
    const server = new FakeServer();
    server.dark = true;
    const { peal } = await rig({}, server);
    expect(peal.state.name).toBe('connecting');
    await pass(10_000);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'silence', retryable: true } });
    server.dark = false;
    await pass(BACKOFF_MAX_MS);
    expect(peal.state.name).toBe('connected');
  });

  it('fails for good when the WebSocket constructor throws', async () => {
    const Throws = (() => {
      throw new SyntaxError('mixed content');
    }) as unknown as WebSocketConstructor;
    const { peal } = await rig({ WebSocket: Throws });
    expect(peal.state).toMatchObject({ name: 'failed', error: { name: 'misuse' } });
  });
});

describe('coming back', () => {
  it('waits with full jitter, doubling up to a ceiling', () => {
    for (let failures = 0; failures < 20; failures++) {
      const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** failures);
      const waits = Array.from({ length: 500 }, () => backoff(failures));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ceiling);
      expect(Math.min(...waits)).toBeLessThan(ceiling * 0.1);
      expect(Math.max(...waits)).toBeGreaterThan(ceiling * 0.9);
    }
  });

  it('reads the next move from the band of the close code', () => {
    expect([4000, 4009, 4099].map(closeAction)).toEqual(['stop', 'stop', 'stop']);
    expect([4100, 4199].map(closeAction)).toEqual(['backoff', 'backoff']);
    expect([4200, 4299].map(closeAction)).toEqual(['at_once', 'at_once']);
    expect([4400, 4499].map(closeAction)).toEqual(['fresh_token', 'fresh_token']);
    expect([1002, 1007, 1008, 1009].map(closeAction)).toEqual(Array(4).fill('repeats'));
    expect([1000, 1001, 1006, 1011, 4300, 4500].map(closeAction)).toEqual(Array(6).fill('backoff'));
  });

  it('stops on 4000 to 4099 with the error that the server sent before', async () => {
    const { server, peal, states, errors } = await rig();
    server.socket.push({ error: refusal(40301, 'app_paused') });
    server.socket.drop(4003);
    expect(peal.state).toMatchObject({
      name: 'failed',
      error: { code: 40301, name: 'app_paused', retryable: false },
    });
    await pass(120_000);
    expect(server.sockets).toHaveLength(1);
    expect(names(states)).toEqual(['connected', 'failed']);
    expect(errors).toEqual(['app_paused', 'app_paused']);
  });

  it('stops when connect itself is refused for good', async () => {
    const server = new FakeServer();
    server.on.connect = ({ socket }) => {
      queueMicrotask(() => socket.drop(4009, 'token_invalid'));
      return { error: refusal(40102, 'token_invalid') };
    };
    const { peal } = await rig({}, server);
    expect(peal.state).toMatchObject({ name: 'failed', error: { name: 'token_invalid' } });
    expect(peal.state).toHaveProperty('error.helpUrl', 'https://peal.test/docs/errors.md#token_invalid');
  });

  it.each([1002, 1007, 1008, 1009])('does not try for ever what closes connect with %i', async (code) => {
    const server = new FakeServer();
    server.on.connect = ({ socket }) => {
      queueMicrotask(() => socket.drop(code, 'frame_too_large'));
      return undefined;
    };
    const { peal, errors } = await rig({}, server);
    expect(peal.state).toMatchObject({ name: 'failed', error: { name: 'connection_closed', code } });
    const { message, helpUrl } = (peal.state as { error: PealError }).error;
    expect(message).toContain(`${code}: frame_too_large`);
    expect(message.includes('token is too large')).toBe(code === 1009);
    expect(helpUrl).toBeUndefined();
    await pass(120_000);
    expect(server.sockets).toHaveLength(1);
    expect(errors).toEqual(['connection_closed']);
  });

  it('fails with what the server said about a token that is too large', async () => {
    const server = new FakeServer();
    server.on.connect = ({ socket }) => {
      queueMicrotask(() => socket.drop(1009, 'frame_too_large'));
      return { error: refusal(41301, 'frame_too_large', { limit: 4_096, current: 5_108 }) };
    };
    const { peal } = await rig({}, server);
    expect(peal.state).toMatchObject({
      name: 'failed',
      error: { name: 'frame_too_large', limit: 4_096, current: 5_108 },
    });
  });

  it('does not blame an earlier refused request for a close', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 60_000 }),
    });
    expect(await refusalOf(peal.channel('a').publish('e', 1))).toBe('rate_limited');
    server.socket.drop(1006);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'connection_closed', code: 1006 } });
  });

  it('backs off on 4100 to 4199 and when the network breaks', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { server, peal } = await rig();
    server.refusing = true;
    server.socket.drop(4102);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      if (peal.state.name !== 'waiting') throw new Error(peal.state.name);
      waits.push(peal.state.retryIn);
      await pass(peal.state.retryIn);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
    server.refusing = false;
    await pass(15_000);
    expect(peal.state.name).toBe('connected');
  });

  it('starts from the shortest wait again after a connection that was stable', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { server, peal } = await rig();
    await pass(10_000);
    server.socket.drop(1006);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: BACKOFF_BASE_MS });
  });

  it('comes back at once on 4200 to 4299, but not in a tight loop', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { server, peal } = await rig();
    await pass(10_000);
    server.socket.drop(4203);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: 0 });
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      if (peal.state.name !== 'waiting') throw new Error(peal.state.name);
      await pass(peal.state.retryIn);
      server.socket.drop(4203);
      waits.push(peal.state.retryIn);
    }
    expect(waits).toEqual([0, 2_000, 4_000, 8_000, 16_000]);
  });

  it('comes back when goaway said, by itself if the server does not close', async () => {
    const { server, peal } = await rig();
    server.socket.push({ goaway: { retry_in: 1_200 } });
    await pass(200);
    server.socket.drop(4200);
    expect(peal.state).toMatchObject({ name: 'waiting', retryIn: 1_000 });
    await pass(1_000);
    expect(peal.state.name).toBe('connected');
    server.socket.push({ goaway: { retry_in: 700 } });
    await pass(699);
    expect(server.sockets).toHaveLength(2);
    await pass(2);
    expect(server.sockets).toHaveLength(3);
    expect(peal.state.name).toBe('connected');
  });

  it('waits as long as retry_after says', async () => {
    const server = new FakeServer();
    server.on.connect = ({ socket }) => {
      queueMicrotask(() => socket.drop(4105));
      return { error: refusal(50302, 'overloaded', { retryable: true, retry_after: 7_000 }) };
    };
    const { peal } = await rig({}, server);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'overloaded', retryAfter: 7_000 } });
    if (peal.state.name !== 'waiting') throw new Error();
    expect(peal.state.retryIn).toBeGreaterThanOrEqual(7_000);
    expect(peal.state.retryIn).toBeLessThan(8_000);
  });

  it('tries at once when asked to, and from failed with a fresh token', async () => {
    let tokens = 0;
    const { server, peal } = await rig({ getToken: () => `token-${++tokens}` });
    server.refusing = true;
    server.socket.drop(1006);
    server.refusing = false;
    peal.reconnect();
    await settle();
    expect(peal.state.name).toBe('connected');
    server.socket.drop(4008);
    expect(peal.state.name).toBe('failed');
    const before = tokens;
    peal.reconnect();
    await settle();
    expect(peal.state.name).toBe('connected');
    expect(tokens).toBe(before + 1);
  });

  it('hears nothing from a socket it has abandoned', async () => {
    const { server, peal } = await rig();
    const seen: unknown[] = [];
    peal.channel('a').on('message', (message) => seen.push(message.data));
    await settle();
    const old = server.socket;
    old.push({ goaway: { retry_in: 0 } });
    await pass(2);
    expect(server.sockets).toHaveLength(2);
    old.state = 'open';
    old.push({ message: { channel: 'a', id: 'x', ts: 1, event: 'said', data: 'late', position: '7-9' } });
    old.drop(4009);
    expect(seen).toEqual([]);
    expect(peal.state.name).toBe('connected');
  });
});

describe('liveness', () => {
  it('breaks its own silence with a ping and stays', async () => {
    const { server, peal } = await rig();
    await pass(24_999);
    expect(server.requests('ping')).toHaveLength(0);
    await pass(1);
    expect(server.requests('ping')).toHaveLength(1);
    await pass(200_000);
    expect(peal.state.name).toBe('connected');
    expect(server.sockets).toHaveLength(1);
  });

  it('takes any frame for a sign of life', async () => {
    const { server } = await rig();
    for (let i = 0; i < 10; i++) {
      await pass(20_000);
      server.socket.raw(i % 2 ? new ArrayBuffer(2) : '{"presence":{}}');
    }
    expect(server.requests('ping')).toHaveLength(0);
  });

  it('reconnects after ping + 10 s without a sign', async () => {
    const { server, peal } = await rig();
    server.dark = true;
    await pass(34_999);
    expect(peal.state.name).toBe('connected');
    await pass(1);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'silence' } });
    server.dark = false;
    await pass(500);
    expect(peal.state.name).toBe('connected');
  });

  it('checks the connection when the network changes, and stops waiting when it is back', async () => {
    const page = new EventTarget() as EventTarget & { visibilityState: string };
    page.visibilityState = 'visible';
    const global = new EventTarget();
    vi.stubGlobal('document', page);
    vi.stubGlobal('addEventListener', global.addEventListener.bind(global));
    vi.stubGlobal('removeEventListener', global.removeEventListener.bind(global));
    const { server, peal } = await rig();
    global.dispatchEvent(new Event('offline'));
    await settle();
    expect(server.requests('ping')).toHaveLength(1);
    await pass(5_000);
    expect(peal.state.name).toBe('connected');
    server.dark = true;
    page.dispatchEvent(new Event('visibilitychange'));
    await pass(5_000);
    expect(peal.state).toMatchObject({ name: 'waiting', error: { name: 'silence' } });
    global.dispatchEvent(new Event('offline'));
    expect(peal.state.name).toBe('waiting');
    server.dark = false;
    global.dispatchEvent(new Event('online'));
    await settle();
    expect(peal.state.name).toBe('connected');
    const removed = [vi.spyOn(global, 'removeEventListener'), vi.spyOn(page, 'removeEventListener')];
    vi.stubGlobal('removeEventListener', global.removeEventListener.bind(global));
    await peal.close();
    expect(removed.flatMap(({ mock }) => mock.calls.map(([type]) => type))).toEqual([
      'online',
      'offline',
      'visibilitychange',
    ]);
    vi.unstubAllGlobals();
  });

  it('does not cut a wait short that the server asked for', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('document', page);
    const { server, peal } = await rig();
    server.socket.push({ goaway: { retry_in: 5_000 } });
    server.socket.drop(4200);
    page.dispatchEvent(new Event('visibilitychange'));
    expect(peal.state.name).toBe('waiting');
    vi.unstubAllGlobals();
  });
});

describe('frames', () => {
  it('reads several objects from one frame, and a reply before the pushes that depend on it', async () => {
    const { server, peal } = await rig();
    const seen: unknown[] = [];
    server.on.subscribe = ({ socket, id }) => {
      const message = (n: number) => ({
        message: { channel: 'a', id: `i${n}`, ts: n, event: 'said', data: n, position: `1-${n}` },
      });
      socket.push({ id, ok: { position: '1-0' } }, message(1), message(2));
      return undefined;
    };
    peal.channel('a').on('message', (message) => seen.push(message.data));
    await settle();
    expect(seen).toEqual([1, 2]);
  });

  it('stops reading a frame when a listener closes the client', async () => {
    const { server, peal } = await rig();
    peal.channel('a').on('message', () => void peal.close());
    await settle();
    const message = { channel: 'a', id: 'i', ts: 1, event: 'e', data: 1, position: '1-1' };
    server.socket.push({ message }, { goaway: { retry_in: 5_000 } });
    await settle();
    expect(vi.getTimerCount()).toBe(0);
    expect(peal.state.name).toBe('closed');
  });

  it('survives what is not JSON, not an object, or not known', async () => {
    const lines: string[] = [];
    const { server, peal } = await rig({ debug: (line) => lines.push(line) });
    server.socket.raw(
      '{"broken\n[1,2]\n"text"\nnull\n{"unheard_of":{}}\n\n{"message":{"channel":"never asked for"}}',
    );
    server.socket.push({ id: 999, ok: {} });
    expect(peal.state.name).toBe('connected');
    expect(lines.some((line) => line.startsWith('not JSON'))).toBe(true);
  });

  it('keeps tokens out of the debug output', async () => {
    const lines: string[] = [];
    await rig({ getToken: () => 'very.secret.token', debug: (line) => lines.push(line) });
    expect(lines.join()).toContain('"connect"');
    expect(lines.join()).not.toContain('secret');
  });

  it('writes to the console with debug: true', async () => {
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
    await rig({ debug: true });
    expect(debug).toHaveBeenCalledWith(expect.stringContaining('peal > {"id":1,"connect"'));
  });

  it('writes errors to the console while nobody listens', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const server = new FakeServer();
    const peal = connect({ url: 'https://edge.test', WebSocket: server.WebSocket, key: 'k' });
    await settle();
    server.socket.push({ error: refusal(40003, 'binary_frame') });
    expect(error).toHaveBeenCalledWith(expect.stringContaining('binary_frame'));
    await peal.close();
  });
});

describe('closing', () => {
  it('leaves presence, closes with 1000, clears every timer and resolves when the socket is closed', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('room');
    await room.presence.enter({ name: 'Ada' });
    const publishing = refusalOf(room.publish('said', 1));
    server.on.publish = () => undefined;
    await peal.close();
    expect(server.requests('presence.leave')).toEqual([{ channel: 'room' }]);
    expect(server.socket.closedWith).toBe(1000);
    expect(server.socket.state).toBe('closed');
    expect(await publishing).toBe('closed');
    expect(vi.getTimerCount()).toBe(0);
    expect(peal.state.name).toBe('closed');
  });

  it('resolves after 2 s when the server does not close', async () => {
    const { server, peal } = await rig();
    server.socket.close = () => {};
    const closing = peal.close();
    await pass(2_000);
    await closing;
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['waiting', 'connecting', 'fetching a token', 'failed'])('works while %s', async (when) => {
    const server = new FakeServer();
    if (when === 'connecting') server.dark = true;
    const { peal } = await rig(
      when === 'fetching a token' ? { getToken: () => new Promise(() => {}) } : {},
      server,
    );
    if (when === 'waiting') {
      server.refusing = true;
      server.socket.drop(1006);
    }
    if (when === 'failed') server.socket.drop(4000);
    await peal.close();
    expect(vi.getTimerCount()).toBe(0);
    const sockets = server.sockets.length;
    await pass(120_000);
    expect(server.sockets).toHaveLength(sockets);
    expect(peal.state.name).toBe('closed');
  });

  it('works from inside a listener, and twice', async () => {
    const server = new FakeServer();
    const peal = connect({ url: 'https://edge.test', WebSocket: server.WebSocket, key: 'k' });
    peal.on('state', () => void peal.close());
    await settle();
    await peal.close();
    expect(peal.state.name).toBe('closed');
    expect(await refusalOf(peal.channel('a').publish('e', 1))).toBe('closed');
    expect(await refusalOf(peal.channel('a').subscribe())).toBe('closed');
    expect(await refusalOf(peal.channel('a').presence.enter())).toBe('closed');
  });
});
