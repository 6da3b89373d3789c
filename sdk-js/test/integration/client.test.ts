/** The client on Node against the real server. */
import { createHash, createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Discontinuity, Message, PresenceChange, Recovered } from '../../src/index.js';
import { APP, channelName, EVERYTHING, Running, until } from './peal.js';

let peal: Running;
beforeAll(async () => {
  peal = await Running.start();
});
afterEach(() => peal.finish());
afterAll(() => peal?.stop());

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('messages', () => {
  it('reach subscribers in order, from clients and from servers, and publishers only with echo', async () => {
    const name = channelName();
    const [ada, bob] = [peal.client(), peal.client({ ...EVERYTHING, clientId: 'bob' })];
    const seen: Record<string, unknown[]> = { ada: [], bob: [] };
    ada.channel(name).on('message', (message) => seen.ada?.push([message.clientId, message.data]));
    bob.channel(name).on('said', (message) => seen.bob?.push([message.clientId, message.data]));
    await Promise.all([ada.channel(name).subscribe(), bob.channel(name).subscribe()]);
    const first = await ada.channel(name).publish('said', { n: 1 });
    const second = await peal.server.publish(name, 'said', { n: 2 });
    await ada.channel(name).publish('said', { n: 3 }, { echo: true });
    await until('three messages at bob', () => seen.bob?.length === 3);
    await until('two messages at ada', () => seen.ada?.length === 2);
    expect(seen.bob).toEqual([
      ['ada', { n: 1 }],
      [undefined, { n: 2 }],
      ['ada', { n: 3 }],
    ]);
    expect(seen.ada).toEqual(seen.bob?.slice(1));
    expect(first.position).toMatch(/^\d+-1$/);
    expect(second.position).toMatch(/^\d+-2$/);
  });

  it('are published once however often the id is repeated', async () => {
    const name = channelName();
    const reader = peal.client();
    const seen: unknown[] = [];
    reader.channel(name).on('message', (message) => seen.push(message.data));
    await reader.channel(name).subscribe();
    const writer = peal.client().channel(name);
    const [first, again] = [
      await writer.publish('e', 1, { id: 'x' }),
      await writer.publish('e', 1, { id: 'x' }),
    ];
    await peal.server.publish(name, 'e', 1, { id: 'x' });
    await writer.publish('e', 2);
    await until('the second message', () => seen.includes(2));
    expect(again).toEqual(first);
    expect(seen).toEqual([1, 2]);
  });

  it('of a batch arrive in order, and are in the history', async () => {
    const name = channelName();
    const client = peal.client();
    const iterator = client.channel(name).messages();
    await client.channel(name).subscribe();
    const published = await peal.server.publishBatch(
      name,
      numbers(1, 100).map((data) => ({ event: 'e', data })),
    );
    expect(published).toHaveLength(100);
    for (const n of numbers(1, 100)) expect((await iterator.next()).value.data).toBe(n);
    const page = await client.channel(name).history({ limit: 30 });
    const all: unknown[] = [];
    for await (const message of page) all.push(message.data);
    expect(all).toEqual(numbers(1, 100).reverse());
    const forwards = await peal.server.history(name, { direction: 'forwards', limit: 3 });
    expect(forwards.messages.map(({ data }) => data)).toEqual([1, 2, 3]);
    expect(forwards.more).toBe(true);
  });

  it('come with a rewind, on the first subscription and on a later iterator', async () => {
    const name = channelName();
    await peal.server.publishBatch(
      name,
      numbers(1, 10).map((data) => ({ event: 'e', data })),
    );
    const room = peal.client().channel(name);
    const first = room.messages({ rewind: 3 });
    for (const n of [8, 9, 10]) expect((await first.next()).value.data).toBe(n);
    const second = room.messages({ rewind: '1m' });
    for (const n of numbers(1, 10)) expect((await second.next()).value.data).toBe(n);
    await peal.server.publish(name, 'e', 11);
    expect((await first.next()).value.data).toBe(11);
    expect((await second.next()).value.data).toBe(11);
  });

  it('that are ephemeral arrive and are not kept', async () => {
    const name = channelName();
    const room = peal.client().channel(name);
    const seen: Message[] = [];
    room.on('message', (message) => seen.push(message));
    await room.subscribe();
    const before = room.position;
    expect(await room.publish('typing', true, { ephemeral: true, echo: true })).not.toHaveProperty(
      'position',
    );
    await until('the message', () => seen.length === 1);
    expect(seen[0]).not.toHaveProperty('position');
    expect(room.position).toBe(before);
    expect((await room.history()).messages).toEqual([]);
  });

  it('of a Pusher library are parsed for display, with the string at hand', async () => {
    const name = channelName();
    const room = peal.client().channel(name);
    const seen: Message[] = [];
    room.on('message', (message) => seen.push(message));
    await room.subscribe();
    for (const data of ['{"text":"hi"}', 'plain']) await publishAsPusher(peal.edgeUrl, name, 'said', data);
    await until('both messages', () => seen.length === 2);
    expect(seen.map(({ event, data, raw }) => ({ event, data, raw }))).toEqual([
      { event: 'said', data: { text: 'hi' }, raw: '{"text":"hi"}' },
      { event: 'said', data: 'plain', raw: 'plain' },
    ]);
  });
});

describe('a connection that breaks', () => {
  it('for 10 s while 100 messages are published: all arrive once, in order, recovered', {
    timeout: 90_000,
  }, async () => {
    const name = channelName();
    const wire = await peal.wire();
    const client = peal.client(EVERYTHING, { url: wire.url });
    const room = client.channel(name);
    const seen: unknown[] = [];
    const recoveries: Recovered[] = [];
    const gaps: Discontinuity[] = [];
    room.on('message', (message) => seen.push(message.data));
    room.on('recovered', (recovery) => recoveries.push(recovery));
    room.on('discontinuity', (gap) => gaps.push(gap));
    await room.subscribe();
    await peal.server.publish(name, 'e', 0);
    await until('the first message', () => seen.length === 1);
    await wire.cut();
    const end = Date.now() + 10_000;
    for (const n of numbers(1, 100)) {
      await peal.server.publish(name, 'e', n);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, (end - Date.now()) / (101 - n))));
    }
    expect(client.state.name).not.toBe('connected');
    await wire.mend();
    await until('the last message', () => seen.includes(100), 40_000);
    await peal.server.publish(name, 'e', 101);
    await until('a live message', () => seen.includes(101));
    expect(seen).toEqual(numbers(0, 101));
    expect(recoveries).toEqual([expect.objectContaining({ channel: name, replay: 100 })]);
    expect(gaps).toEqual([]);
  });

  it('again and again, on many channels, loses nothing', { timeout: 90_000 }, async () => {
    const channels = numbers(1, 5).map(() => channelName());
    const wire = await peal.wire();
    const client = peal.client(EVERYTHING, { url: wire.url });
    const seen = new Map<string, unknown[]>(channels.map((name) => [name, []]));
    for (const name of channels)
      client.channel(name).on('message', (message) => seen.get(name)?.push(message.data));
    await Promise.all(channels.map((name) => client.channel(name).subscribe()));
    let n = 0;
    for (let round = 0; round < 6; round++) {
      const cutting = wire.cut();
      for (let i = 0; i < 10; i++) {
        n++;
        await Promise.all(channels.map((name) => peal.server.publish(name, 'e', n)));
      }
      await cutting;
      await wire.mend();
      client.reconnect();
      await until('connected', () => client.state.name === 'connected', 40_000);
    }
    for (const name of channels) {
      await until(`everything on ${name}`, () => (seen.get(name)?.length ?? 0) >= n);
      expect(seen.get(name)).toEqual(numbers(1, n));
    }
  });

  it('does not publish twice what was on its way', async () => {
    const name = channelName();
    const wire = await peal.wire();
    const client = peal.client(EVERYTHING, { url: wire.url });
    await until('connected', () => client.state.name === 'connected');
    const publishing: Promise<unknown>[] = [];
    for (const n of numbers(1, 50)) {
      publishing.push(client.channel(name).publish('e', n));
      // Within the ten a second that a connection may publish.
      if (n % 8 === 0) {
        await wire.cut();
        await wire.mend();
        client.reconnect();
      }
    }
    await Promise.all(publishing);
    const { messages } = await peal.server.history(name, { limit: 1_000, direction: 'forwards' });
    expect(messages.map(({ data }) => data)).toEqual(numbers(1, 50));
  });

  it('is told what is missing when it comes back after the retention', { timeout: 90_000 }, async () => {
    const name = channelName();
    const wire = await peal.wire();
    const client = peal.client(EVERYTHING, { url: wire.url });
    const room = client.channel(name);
    const seen: unknown[] = [];
    const gaps: Discontinuity[] = [];
    room.on('message', (message) => seen.push(message.data));
    room.on('discontinuity', (gap) => gaps.push(gap));
    await room.subscribe();
    await peal.server.publish(name, 'e', 0);
    await until('the first message', () => seen.length === 1);
    const { position } = room;
    await wire.cut();
    const total = Number(process.env.PEAL_TEST_RETENTION ?? 2_000);
    for (let n = 1; n <= total; n += 100) {
      await peal.server.publishBatch(
        name,
        numbers(n, n + 99).map((data) => ({ event: 'e', data })),
      );
    }
    await wire.mend();
    client.reconnect();
    await until('the newest message', () => seen.includes(total), 40_000);
    expect(gaps).toEqual([{ channel: name, reason: 'retention', from: position, to: expect.any(String) }]);
    const kept = seen.slice(1) as number[];
    expect(kept.length).toBeGreaterThan(0);
    expect(kept).toEqual(numbers(total - kept.length + 1, total));
  });
});

describe('tokens', () => {
  it('are renewed in-band, and what the new one does not cover ends', async () => {
    const [a, b] = [channelName(), channelName()];
    let calls = 0;
    // Due for renewal a second after it was minted.
    const getToken = () =>
      ++calls === 1
        ? peal.server.mintToken({ ...EVERYTHING, ttl: 32 })
        : peal.server.mintToken({ ...EVERYTHING, capabilities: { [a]: ['*'] } });
    const client = peal.client(undefined, { getToken });
    await Promise.all([client.channel(a).subscribe(), client.channel(b).subscribe()]);
    const { state } = client;
    client.on('error', () => {});
    await until('the renewal', () => client.channel(b).state === 'failed');
    expect(calls).toBe(2);
    expect(client.state).toBe(state);
    expect(client.channel(a).state).toBe('subscribed');
    expect(await errorOf(client.channel(b).publish('e', 1))).toMatchObject({ name: 'not_authorised' });
    await client.channel(a).publish('e', 1);
  });

  it('may be so short that the first renewal is due at once', async () => {
    let calls = 0;
    const getToken = () => peal.server.mintToken({ ...EVERYTHING, ttl: ++calls === 1 ? 3 : 600 });
    const client = peal.client(undefined, { getToken });
    await until('connected', () => client.state.name === 'connected');
    await until('the renewal', () => calls === 2);
    await client.channel(channelName()).publish('e', 1);
  });

  it('that are wrong end in failed, with the reason', async () => {
    const token = peal.server.mintToken(EVERYTHING);
    for (const [wrong, name] of [
      [`${token}x`, 'token_invalid'],
      ['not a token', 'token_invalid'],
      [token.replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString('base64url')), 'token_invalid'],
    ] as const) {
      const client = peal.client(undefined, { getToken: () => wrong });
      client.on('error', () => {});
      await until('failed', () => client.state.name === 'failed');
      expect(client.state).toMatchObject({
        error: { name, retryable: false, helpUrl: expect.stringContaining(name) },
      });
    }
  });

  it('that have expired are replaced', async () => {
    const now = Date.now;
    let calls = 0;
    const getToken = () => {
      if (++calls > 1) return peal.server.mintToken(EVERYTHING);
      Date.now = () => now() - 10_000_000;
      const stale = peal.server.mintToken(EVERYTHING);
      Date.now = now;
      return stale;
    };
    const client = peal.client(undefined, { getToken });
    await until('connected', () => client.state.name === 'connected');
    expect(calls).toBe(2);
  });

  it('allow only what they say', async () => {
    const name = channelName();
    const client = peal.client({ clientId: 'eve', capabilities: { [name]: ['subscribe'] } });
    client.on('error', () => {});
    await client.channel(name).subscribe();
    expect(await errorOf(client.channel(name).publish('e', 1))).toMatchObject({
      code: 40300,
      retryable: false,
    });
    expect(await errorOf(client.channel(channelName()).subscribe())).toMatchObject({
      name: 'not_authorised',
    });
    expect(await errorOf(client.channel('no spaces allowed').subscribe())).toMatchObject({
      name: 'channel_name_invalid',
    });
  });

  it('of a channel open that channel', async () => {
    const name = channelName();
    const client = peal.client({ clientId: 'eve', capabilities: {} });
    const getToken = (channel: string) =>
      peal.server.mintToken({ clientId: 'eve', channel, capabilities: { [channel]: ['subscribe'] } });
    await client.channel(name, { getToken }).subscribe();
  });

  it('that are revoked are replaced, and a server can close a connection', async () => {
    const clientId = channelName('client');
    let calls = 0;
    const getToken = () => {
      calls++;
      return peal.server.mintToken({ ...EVERYTHING, clientId, id: `${clientId}-${calls}` });
    };
    const client = peal.client(undefined, { getToken });
    client.on('error', () => {});
    await until('connected', () => client.state.name === 'connected');
    await peal.server.revoke({ tokenId: `${clientId}-1` });
    await until('a fresh token', () => calls === 2);
    await until('connected', () => client.state.name === 'connected');
    if (client.state.name !== 'connected') throw new Error(client.state.name);
    await peal.server.disconnect(client.state.connection);
    await until('failed', () => client.state.name === 'failed');
    expect(client.state).toMatchObject({ error: { name: 'disconnected' } });
  });
});

describe('presence', () => {
  it('shows who is there, what changed and who left', async () => {
    const name = channelName();
    const [ada, bob] = [
      peal.client(),
      peal.client({ ...EVERYTHING, clientId: 'bob', info: { name: 'Bob' } }),
    ];
    const here = ada.channel(name).presence;
    const changes: PresenceChange[] = [];
    here.on('change', (change) => changes.push(change));
    await here.enter({ name: 'Ada' });
    await bob.channel(name).presence.enter();
    await until('both', () => here.members.size === 2);
    expect([...here.members.values()].map(({ clientId, data }) => [clientId, data]).sort()).toEqual([
      ['ada', { name: 'Ada' }],
      ['bob', { name: 'Bob' }],
    ]);
    expect(
      [...(await bob.channel(name).presence.get()).values()].map(({ clientId }) => clientId).sort(),
    ).toEqual(['ada', 'bob']);
    await bob.channel(name).presence.update({ name: 'Bob', away: true });
    const dataOf = (clientId: string) =>
      [...here.members.values()].find((member) => member.clientId === clientId)?.data;
    await until('the update', () => (dataOf('bob') as { away?: boolean } | undefined)?.away === true);
    await bob.close();
    // Without last words it would be five seconds.
    await until('bob to be gone', () => here.members.size === 1, 3_000);
    expect(here.count).toBe(1);
    expect(changes.flatMap((change) => change.leave.map(({ clientId }) => clientId))).toEqual(['bob']);
  });

  it('survives a short cut without flicker', { timeout: 90_000 }, async () => {
    const name = channelName();
    const wire = await peal.wire();
    const watcher = peal.client({ ...EVERYTHING, clientId: 'watcher' }).channel(name).presence;
    const shown: string[][] = [];
    watcher.on('change', () =>
      shown.push([...new Set([...watcher.members.values()].map(({ clientId }) => clientId))]),
    );
    await watcher.get();
    const ada = peal.client(EVERYTHING, { url: wire.url });
    await ada.channel(name).presence.enter();
    await until('ada', () => shown.length > 0);
    await wire.cut();
    await wire.mend();
    ada.reconnect();
    await until('connected', () => ada.state.name === 'connected');
    await until(
      'the old connection to be gone',
      () => watcher.members.size === 1 && shown.length >= 3,
      15_000,
    );
    expect(shown.every((clients) => clients.includes('ada'))).toBe(true);
  });

  it('needs a client id', async () => {
    const client = peal.client({ capabilities: { '*': ['*'] } });
    expect(await errorOf(client.channel(channelName()).presence.enter())).toMatchObject({
      name: 'no_client_id',
    });
  });
});

describe('servers', () => {
  it('are refused with a wrong secret', async () => {
    const { createServer } = await import('../../src/server/index.js');
    const wrong = createServer({ url: peal.edgeUrl, key: APP.key, secret: `${APP.secret.slice(0, -1)}x` });
    expect(await errorOf(wrong.publish('a', 'e', 1))).toMatchObject({
      name: 'signature_invalid',
      retryable: false,
    });
  });

  it('may use names that need escaping, and exclude a connection', async () => {
    const name = `${channelName('a:b')}@x,y;z=1`;
    const client = peal.client();
    const seen: unknown[] = [];
    client.channel(name).on('message', (message) => seen.push(message.data));
    await client.channel(name).subscribe();
    if (client.state.name !== 'connected') throw new Error(client.state.name);
    await peal.server.publish(name, 'e', 'not for ada', { exclude: client.state.connection });
    await peal.server.publish(name, 'e', 'for all');
    await until('the message', () => seen.length > 0);
    expect(seen).toEqual(['for all']);
  });
});

/** As the Pusher server libraries do it. */
async function publishAsPusher(edgeUrl: string, channel: string, name: string, data: string): Promise<void> {
  const body = JSON.stringify({ name, channels: [channel], data });
  const path = `/apps/${APP.id}/events`;
  const query = [
    `auth_key=${APP.key}`,
    `auth_timestamp=${Math.floor(Date.now() / 1_000)}`,
    'auth_version=1.0',
    `body_md5=${createHash('md5').update(body).digest('hex')}`,
  ].join('&');
  const signature = createHmac('sha256', APP.secret).update(`POST\n${path}\n${query}`).digest('hex');
  const response = await fetch(`${edgeUrl}${path}?${query}&auth_signature=${signature}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
