/**
 * The golden frames of the protocol page, which the server's tests read too: what the server sends must mean here what it
 * means there, and what this client sends must be a frame that the server is tested to understand.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { decode, encode, type Frame, requestFrame } from '../../src/codec.js';
import { connect, PealError } from '../../src/index.js';
import type { Channel, Message } from '../../src/types.js';
import { FakeServer } from './fake-server.js';
import { pass, refusalOf, rig, settle, virtualTime } from './setup.js';

interface Fixture {
  name: string;
  direction: 'client' | 'server';
  /** Accepted by the server, never written by a client of ours. */
  tolerated?: boolean;
  frame: string;
  decoded?: unknown;
  refused?: unknown;
}

const read = async (file: string) =>
  JSON.parse(
    await readFile(new URL(`../../../crates/peal-wire/fixtures/${file}`, import.meta.url), 'utf8'),
  ) as Fixture[];
const fixtures = await read('native.json');
/** What was published on each protocol, as a native client gets it. */
const converted = (await read('conversion.json')).filter(({ name }) => name.endsWith('→ native'));
const ours = fixtures.filter(
  ({ direction, tolerated, decoded }) => direction === 'client' && !tolerated && decoded,
);
const theirs = fixtures.filter(({ direction }) => direction === 'server');
const named = (name: string): Frame => {
  const fixture = theirs.find((candidate) => candidate.name === name);
  if (!fixture) throw new Error(`no fixture: ${name}`);
  return decode(fixture.frame, () => {})[0] as Frame;
};
const request = (name: string) => {
  const fixture = ours.find((candidate) => candidate.name === name);
  if (!fixture) throw new Error(`no fixture: ${name}`);
  return fixture.decoded as { id: number; operation: string; body: object };
};

virtualTime();

it('has frames of both sides', () => {
  expect(ours.length).toBeGreaterThan(10);
  expect(theirs.length).toBeGreaterThan(10);
  expect(converted.length).toBeGreaterThan(3);
});

describe('frames of the server', () => {
  it.each(theirs)('$name', ({ frame, decoded }) => {
    expect(decode(frame, (line) => expect.fail(line))).toEqual([decoded]);
  });

  it('may share one WebSocket frame', () => {
    expect(decode(theirs.map(({ frame }) => frame).join('\n'), expect.fail)).toEqual(
      theirs.map(({ decoded }) => decoded),
    );
  });

  it('reach the application as the types say', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('room.42');
    const seen: unknown[] = [];
    room.on('message', (message) => seen.push(message));
    room.on('discontinuity', (gap) => seen.push(gap));
    server.on.subscribe = ({ socket, id }) => {
      socket.push({ ...named('reply to subscribe with members'), id });
      return undefined;
    };
    const members = await room.presence.get();
    expect([...members.values()].map(({ clientId }) => clientId)).toEqual(['ada', 'bob']);
    const about = {
      channel: 'room.42',
      id: '01J9ZB4K',
      ts: 1_790_000_000_000,
      position: '3815-18',
      clientId: 'ada',
    };
    server.socket.push(named('message, several in one publication'));
    server.socket.push(named('discontinuity'));
    expect(room.position).toBe('3815-140');
    server.socket.push(named('presence'));
    expect([...members.values()].map(({ clientId, data }) => [clientId, data])).toEqual([
      ['ada', { name: 'Ada' }],
      ['bob', undefined],
    ]);
    server.socket.push(named('unsubscribed'));
    expect(room.state).toBe('failed');
    expect(seen).toEqual([
      { ...about, event: 'said', data: 1 },
      { ...about, event: 'said', data: 'two', raw: 'two' },
      { channel: 'room.42', reason: 'retention', from: '3815-18', to: '3815-140' },
    ]);
  });

  it.each(converted)('carry what was published elsewhere: $name', async ({ frame, decoded }) => {
    const { server, peal } = await rig();
    const seen: Message[] = [];
    peal.channel('room.42').on('message', (message) => seen.push(message));
    await settle();
    server.socket.raw(frame);
    const shown = seen.map(({ data, raw }) => ({
      data: data instanceof Uint8Array ? { bytes: [...data] } : data,
      ...(raw !== undefined && { raw }),
    }));
    expect(shown).toEqual([decoded]);
  });

  it('become errors with all that they say', () => {
    const { error } = named('error');
    expect(error && new PealError(error)).toMatchObject({
      code: 50300,
      name: 'unavailable',
      message: 'No "broker" now.',
      retryable: true,
      helpUrl: '/docs/errors.md#unavailable',
      retryAfter: 500,
    });
  });
});

describe('frames of the client', () => {
  it.each(ours)('$name, byte for byte', ({ frame, decoded }) => {
    const { id, operation, body } = decoded as ReturnType<typeof request>;
    expect(JSON.parse(requestFrame(id, operation, encode(body)))).toEqual(JSON.parse(frame));
    const [text] = Object.values(JSON.parse(frame) as Record<string, object>).filter(
      (part) => typeof part === 'object',
    );
    expect(requestFrame(id, operation, encode(text ?? {}))).toBe(frame);
  });

  /** Each call of the API, and the fixture that its request is. */
  const calls: [string, (room: Channel) => unknown][] = [
    ['subscribe', (room) => room.subscribe()],
    ['subscribe, rewind by count', (room) => room.messages({ rewind: 50 })],
    ['subscribe, rewind by duration', (room) => room.messages({ rewind: '30s' })],
    ['publish', (room) => room.publish('said', { text: 'hi' }, { id: '01J9ZB4K' })],
    [
      'publish with every option',
      (room) => room.publish('said', [1, 'é', null], { id: 'a:b_c-d.e', echo: true, ephemeral: true }),
    ],
    ['presence.enter', (room) => room.presence.enter({ name: 'Ada' })],
    ['presence.enter without data', (room) => room.presence.enter()],
    ['history', (room) => room.history()],
    [
      'history with every option',
      (room) => room.history({ limit: 1_000, before: '3815-40', after: '3815-17', direction: 'forwards' }),
    ],
  ];

  it.each(calls)('are written by the API: %s', async (name, call) => {
    const { server, peal } = await rig();
    call(peal.channel('room.42'));
    await settle();
    const { operation, body } = request(name);
    expect(server.requests(operation)).toEqual([body]);
  });

  it('are written by the API: everything that needs a past', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('room.42');
    server.on.subscribe = () => ({ ok: { position: '3815-17', recovered: true, replay: 0 } });
    await room.subscribe();
    server.socket.drop(1006);
    await pass(2_000);
    await room.presence.enter({ name: 'Ada' });
    await room.presence.update({ name: 'Ada L.' });
    await room.presence.leave();
    await room.unsubscribe();
    await pass(60_000);
    const written = server.received.map(({ operation, body }) => ({ operation, body }));
    for (const name of [
      'subscribe after a position',
      'presence.update',
      'presence.leave',
      'unsubscribe',
      'ping',
    ]) {
      const { operation, body } = request(name);
      expect(written).toContainEqual({ operation, body });
    }
  });

  it('are written by the API: connecting', async () => {
    const server = new FakeServer();
    const token = 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln';
    const byToken = connect({ url: 'https://edge.test', WebSocket: server.WebSocket, getToken: () => token });
    await settle();
    const byKey = connect({ url: 'https://edge.test', WebSocket: server.WebSocket, key: 'kid0123456789' });
    await settle();
    expect(server.requests('connect')).toEqual(
      ['connect with a token', 'connect with a key'].map((name) => request(name).body),
    );
    await Promise.all([byToken.close(), byKey.close()]);
    expect(await refusalOf(byToken.channel('a').subscribe())).toBe('closed');
  });
});
