import { describe, expect, it, vi } from 'vitest';
import { REPEAT_WITHIN_MS } from '../../src/requests.js';
import { FakeServer, refusal } from './fake-server.js';
import { pass, refusalOf, rig, settle, virtualTime } from './setup.js';

virtualTime();

describe('publishing', () => {
  it('resolves on the answer, with a generated id', async () => {
    const { server, peal } = await rig();
    const published = await peal.channel('a').publish('said', { text: 'hi' });
    const [body] = server.requests('publish');
    expect(body).toEqual({
      channel: 'a',
      event: 'said',
      data: { text: 'hi' },
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(published).toEqual({ id: body?.id, position: '7-1' });
    await peal.channel('a').publish('said', undefined);
    expect(server.requests('publish')[1]).toMatchObject({ data: null });
    expect(server.requests('publish')[1]?.id).not.toBe(body?.id);
    expect(server.requests('subscribe')).toEqual([]);
  });

  it('passes options on', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => ({ ok: { id: 'mine' } });
    const published = await peal.channel('a').publish('said', 1, { id: 'mine', echo: true, ephemeral: true });
    expect(server.requests('publish')).toEqual([
      { channel: 'a', event: 'said', data: 1, id: 'mine', echo: true, ephemeral: true },
    ]);
    expect(published).toEqual({ id: 'mine' });
  });

  it('rejects with what the server says', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 1_200, limit: 10, current: 11 }),
    });
    await expect(peal.channel('a').publish('e', 1)).rejects.toMatchObject({
      code: 42900,
      name: 'rate_limited',
      message: 'rate_limited.',
      retryable: true,
      retryAfter: 1_200,
      limit: 10,
      current: 11,
      helpUrl: 'https://peal.test/docs/errors.md#rate_limited',
    });
  });

  it('rejects what JSON cannot hold, and sends the state at the time of the call', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    await expect(peal.channel('a').publish('e', cyclic)).rejects.toMatchObject({ name: 'misuse' });
    const draft = { text: 'before' };
    const publishing = peal.channel('a').publish('e', draft);
    draft.text = 'after';
    server.refusing = false;
    await pass(2_000);
    await publishing;
    expect(server.requests('publish')[0]).toMatchObject({ data: { text: 'before' } });
  });

  it('waits for a connection, in order', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    const order: number[] = [];
    const all = [1, 2, 3].map((n) =>
      peal
        .channel('a')
        .publish('e', n)
        .then(() => order.push(n)),
    );
    server.refusing = false;
    await pass(2_000);
    await Promise.all(all);
    expect(server.requests('publish').map(({ data }) => data)).toEqual([1, 2, 3]);
    expect(order).toEqual([1, 2, 3]);
  });

  it('is repeated with the same id, before later ones, when the connection breaks before the answer', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    await room.subscribe();
    server.on.publish = ({ body }) => {
      server.keep('a', body.data, { id: String(body.id) });
      return undefined;
    };
    const first = room.publish('e', 1);
    const second = room.publish('e', 2);
    await settle();
    server.socket.drop(1006);
    const third = room.publish('e', 3);
    server.on = {};
    await pass(2_000);
    const results = await Promise.all([first, second, third]);
    const ids = server.requests('publish').map(({ id }) => id);
    expect(ids).toEqual([ids[0], ids[1], ids[0], ids[1], ids[4]]);
    expect(results.map(({ position }) => position)).toEqual(['7-1', '7-2', '7-3']);
    // Subscriptions come first, so that nothing published now is missed.
    const operations = server.received
      .filter(({ socket }) => socket === server.socket)
      .map(({ operation }) => operation);
    expect(operations).toEqual(['connect', 'subscribe', 'publish', 'publish', 'publish']);
  });

  it('that waited goes out once the resumed channels have been answered', async () => {
    const { server, peal } = await rig();
    await Promise.all(['a', 'b'].map((name) => peal.channel(name).subscribe()));
    server.refusing = true;
    server.socket.drop(1006);
    const publishing = peal.channel('a').publish('e', 1);
    const open: (() => void)[] = [];
    server.on.subscribe = ({ socket, id }) => {
      open.push(() => socket.push({ id, ok: { position: '7-0', recovered: true } }));
      return undefined;
    };
    server.refusing = false;
    await pass(2_000);
    expect(open).toHaveLength(2);
    open[0]?.();
    await settle();
    expect(server.requests('publish')).toEqual([]);
    open[1]?.();
    await publishing;
    expect(server.requests('publish')).toHaveLength(1);
  });

  it('that the server closes the connection for is not repeated for ever', async () => {
    const { server, peal } = await rig();
    server.on.publish = ({ socket, body }) => {
      if (body.data !== 'huge') return { ok: { id: body.id } };
      socket.drop(1009, 'frame_too_large');
      return undefined;
    };
    server.on.subscribe = () => undefined;
    const subscribing = peal.channel('b').subscribe();
    await expect(peal.channel('a').publish('e', 'huge')).rejects.toMatchObject({
      name: 'connection_closed',
      code: 1009,
      retryable: false,
    });
    delete server.on.subscribe;
    await pass(2_000);
    await subscribing;
    expect(peal.state.name).toBe('connected');
    await peal.channel('a').publish('e', 'small');
    expect(server.requests('publish').map(({ data }) => data)).toEqual(['huge', 'small']);
  });

  it('of what waited goes one after the other, and waits as long as a refusal says, in order', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    const room = peal.channel('a');
    const all = [1, 2, 3, 4].map((n) => room.publish('e', n));
    let allowance = 2;
    const open: (() => void)[] = [];
    server.on.publish = ({ socket, id, body }) => {
      open.push(() => {
        if (allowance-- > 0)
          socket.push({ id, ok: { id: body.id, position: server.keep('a', body.data).position } });
        else
          socket.push({ id, error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 100 }) });
      });
      return undefined;
    };
    const answer = async () => {
      for (const reply of open.splice(0)) reply();
      await settle();
    };
    server.refusing = false;
    await pass(2_000);
    const sent = () => server.requests('publish').map(({ data }) => data);
    expect(sent()).toEqual([1]);
    await answer();
    all.push(room.publish('e', 5));
    await answer();
    expect(sent()).toEqual([1, 2, 3]);
    await answer();
    await pass(99);
    expect(sent()).toEqual([1, 2, 3]);
    allowance = 10;
    await pass(1);
    for (let round = 0; round < 3; round++) await answer();
    await Promise.all(all);
    expect(sent()).toEqual([1, 2, 3, 3, 4, 5]);
    expect(server.kept.get('a')?.map(({ data }) => data)).toEqual([1, 2, 3, 4, 5]);
    // With nothing waiting, publishes go out at once, and a refusal is for the caller.
    allowance = 1;
    const burst = [refusalOf(room.publish('e', 6)), refusalOf(room.publish('e', 7))];
    await settle();
    await answer();
    expect(await Promise.all(burst)).toEqual(['resolved', 'rate_limited']);
  });

  it('that waits for a refusal to pass survives another break, and the end of the client', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    server.on.publish = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 60_000 }),
    });
    const publishing = [1, 2].map((n) => refusalOf(peal.channel('a').publish('e', n)));
    server.refusing = false;
    await pass(2_000);
    server.socket.drop(1006);
    await pass(3_000);
    expect(server.requests('publish').map(({ data }) => data)).toEqual([1, 1]);
    await peal.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(await Promise.all(publishing)).toEqual(['closed', 'closed']);
  });

  it('is not repeated when the server may have forgotten its id', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => undefined;
    const publishing = refusalOf(peal.channel('a').publish('e', 1));
    await settle();
    server.refusing = true;
    server.socket.drop(1006);
    const waiting = peal.channel('a').publish('e', 2);
    await pass(REPEAT_WITHIN_MS);
    server.on = {};
    server.refusing = false;
    await pass(60_000);
    expect(await publishing).toBe('unconfirmed');
    await waiting;
    expect(server.requests('publish').map(({ data }) => data)).toEqual([1, 2]);
  });

  it('can be kept out of the queue, as ephemeral ones are by default', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => undefined;
    const room = peal.channel('a');
    const unrepeated = refusalOf(room.publish('e', 1, { queue: false }));
    const typing = refusalOf(room.publish('typing', 1, { ephemeral: true }));
    await settle();
    server.refusing = true;
    server.socket.drop(1006);
    expect(await unrepeated).toBe('connection_lost');
    expect(await typing).toBe('connection_lost');
    expect(await refusalOf(room.publish('e', 1, { queue: false }))).toBe('connection_lost');
    const kept = room.publish('typing', 1, { ephemeral: true, queue: true });
    server.on = {};
    server.refusing = false;
    await pass(2_000);
    await kept;
    expect(server.requests('publish')).toHaveLength(3);
  });

  it('is refused when too many wait already', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({ queueMax: 2 }, server);
    const room = peal.channel('a');
    const waiting = [room.publish('e', 1), room.publish('e', 2)];
    await expect(room.publish('e', 3)).rejects.toMatchObject({ name: 'queue_full', retryable: true });
    server.refusing = false;
    await pass(2_000);
    await Promise.all(waiting);
  });

  it('rejects when the client fails, and afterwards', async () => {
    const { server, peal } = await rig();
    server.on.publish = () => undefined;
    const publishing = refusalOf(peal.channel('a').publish('e', 1));
    await settle();
    server.socket.push({ error: refusal(40301, 'app_paused') });
    server.socket.drop(4003);
    expect(await publishing).toBe('app_paused');
    expect(await refusalOf(peal.channel('a').publish('e', 1))).toBe('app_paused');
    expect(await refusalOf(peal.channel('a').publish('e', 1, { queue: false }))).toBe('app_paused');
    expect(await refusalOf(peal.channel('a').subscribe())).toBe('app_paused');
    expect(await refusalOf(peal.channel('a').messages().next())).toBe('app_paused');
    expect(await refusalOf(peal.channel('a').presence.get())).toBe('app_paused');
  });

  it('survives a socket that refuses to send because it is closing', async () => {
    const { server, peal } = await rig();
    const { socket } = server;
    socket.send = () => {
      throw new Error('InvalidStateError');
    };
    const publishing = peal.channel('a').publish('e', 1);
    socket.drop(1006);
    await pass(2_000);
    await publishing;
    expect(server.requests('publish')).toHaveLength(1);
  });
});

describe('other requests', () => {
  it('wait when there is no connection yet, and are rejected as retryable when it breaks', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    const early = peal.channel('a').history();
    server.refusing = false;
    await pass(2_000);
    expect((await early).messages).toEqual([]);
    server.on.history = () => undefined;
    const late = peal.channel('a').history();
    const expectation = expect(late).rejects.toMatchObject({ name: 'connection_lost', retryable: true });
    await settle();
    server.socket.drop(1006);
    await expectation;
    expect(vi.getTimerCount()).toBe(1);
  });
});
