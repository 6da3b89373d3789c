import { describe, expect, it, vi } from 'vitest';
import type { Message } from '../../src/types.js';
import { FakeServer, refusal } from './fake-server.js';
import { pass, refusalOf, rig, settle, virtualTime } from './setup.js';

virtualTime();

const data = (messages: readonly { data: unknown }[]) => messages.map((message) => message.data);

describe('subscribing', () => {
  it('happens with the first listener, once, however many follow', async () => {
    const { server, peal } = await rig();
    const room = peal.channel<{ said: string; typing: boolean }>('room:42', { rewind: '2m' });
    expect(room.state).toBe('idle');
    await settle();
    expect(server.requests('subscribe')).toEqual([]);
    const said: Message<'said', string>[] = [];
    const all: unknown[] = [];
    room.on('said', (message) => said.push(message));
    room.on('typing', () => {});
    room.on('message', (message) => all.push(message.event));
    expect(room.state).toBe('subscribing');
    await settle();
    expect(server.requests('subscribe')).toEqual([{ channel: 'room:42', rewind: '2m' }]);
    expect(room.state).toBe('subscribed');
    server.publish('room:42', 'hi', { client_id: 'bob' } as object);
    server.publish('room:42', true, { event: 'typing' });
    expect(said).toEqual([
      {
        channel: 'room:42',
        event: 'said',
        data: 'hi',
        id: 'm1',
        ts: 1_001,
        position: '7-1',
        clientId: 'bob',
      },
    ]);
    expect(all).toEqual(['said', 'typing']);
    expect(room.position).toBe('7-2');
  });

  it('gives every caller the same channel', async () => {
    const { server, peal } = await rig();
    expect(peal.channel('a')).toBe(peal.channel('a'));
    await Promise.all([peal.channel('a').subscribe(), peal.channel('a').subscribe()]);
    await peal.channel('a').subscribe();
    expect(server.requests('subscribe')).toHaveLength(1);
  });

  it('works before the connection is there', async () => {
    const server = new FakeServer();
    server.refusing = true;
    const { peal } = await rig({}, server);
    const subscribing = peal.channel('a').subscribe();
    server.refusing = false;
    await pass(2_000);
    await subscribing;
    expect(peal.channel('a').state).toBe('subscribed');
  });

  it('sends a channel token, a fresh one each time', async () => {
    const { server, peal } = await rig();
    let n = 0;
    const room = peal.channel('a', { getToken: async (channel) => `${channel}-${++n}` });
    await room.subscribe();
    server.socket.drop(1006);
    await pass(2_000);
    expect(server.requests('subscribe').map(({ token }) => token)).toEqual(['a-1', 'a-2']);
  });

  it('tries again while the channel token cannot be had', async () => {
    const { server, peal, errors } = await rig();
    let working = false;
    const getToken = async () => {
      if (!working) throw new Error('down');
      return 'token';
    };
    const subscribing = peal.channel('a', { getToken }).subscribe();
    await settle();
    expect(errors).toEqual(['token_unavailable']);
    working = true;
    await pass(1_500);
    await subscribing;
    expect(server.requests('subscribe')).toHaveLength(1);
  });

  it('fails on a refusal for good: promise, iterator and error event say so', async () => {
    const { server, peal, errors } = await rig();
    server.on.subscribe = () => ({ error: refusal(40300, 'not_authorised') });
    const room = peal.channel('secret');
    const iterator = room.messages();
    expect(await refusalOf(room.subscribe())).toBe('not_authorised');
    expect(await refusalOf(iterator.next())).toBe('not_authorised');
    expect((await iterator.next()).done).toBe(true);
    expect(errors).toEqual(['not_authorised']);
    expect(room.state).toBe('failed');
    server.socket.drop(1006);
    await pass(10_000);
    expect(server.requests('subscribe')).toHaveLength(1);
    server.on = {};
    await room.subscribe();
    expect(room.state).toBe('subscribed');
  });

  it('tries again after a retryable refusal, when the server says', async () => {
    const { server, peal, errors } = await rig();
    server.on.subscribe = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 3_000 }),
    });
    const subscribing = peal.channel('a').subscribe();
    await settle();
    server.on = {};
    await pass(2_999);
    expect(peal.channel('a').state).toBe('subscribing');
    await pass(1);
    await subscribing;
    expect(errors).toEqual(['rate_limited']);
  });

  it('does not try again once the client is closed', async () => {
    const { server, peal } = await rig();
    server.on.subscribe = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 3_000 }),
    });
    const subscribing = refusalOf(peal.channel('a').subscribe());
    await settle();
    await peal.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(await subscribing).toBe('closed');
  });

  it('ends with unsubscribe: nothing is heard, no position is kept, iterators end', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const seen: unknown[] = [];
    room.on('message', (message) => seen.push(message.data));
    const iterator = room.messages();
    await settle();
    server.publish('a', 1);
    await room.unsubscribe();
    expect(server.requests('unsubscribe')).toEqual([{ channel: 'a' }]);
    expect(await iterator.next()).toMatchObject({ value: { data: 1 } });
    expect((await iterator.next()).done).toBe(true);
    expect(room.state).toBe('idle');
    expect(room.position).toBeUndefined();
    server.socket.subscribed.add('a');
    server.publish('a', 2);
    expect(seen).toEqual([1]);
    server.socket.subscribed.delete('a');
    await room.subscribe();
    expect(server.requests('subscribe').at(-1)).toEqual({ channel: 'a' });
  });

  it('ignores what arrives between unsubscribing and subscribing again', async () => {
    const { server, peal } = await rig();
    const seen: unknown[] = [];
    let ask = 0;
    server.on.subscribe = ({ socket, id }) => {
      const message = (n: number) => ({
        message: { channel: 'a', id: `i${n}`, ts: n, event: 'said', data: n, position: `1-${n}` },
      });
      if (++ask === 1) socket.push({ id, ok: { position: '1-0' } }, message(1));
      else socket.push({ id, ok: { position: '1-1' } }, message(2));
      return undefined;
    };
    const room = peal.channel('a');
    const first = room.subscribe();
    await Promise.resolve();
    const leaving = room.unsubscribe();
    room.on('message', (message) => seen.push(message.data));
    expect(await refusalOf(first)).toBe('unsubscribed');
    await leaving;
    await settle();
    expect(seen).toEqual([2]);
  });

  it('refuses an object whose name another one has taken', async () => {
    const { peal } = await rig();
    const old = peal.channel('a');
    await old.subscribe();
    await old.unsubscribe();
    await peal.channel('a').subscribe();
    expect(() => old.on('message', () => {})).toThrow(/Call channel\(\) again/);
  });

  it('comes to an end when the server ends it for good, and is renewed when it does not', async () => {
    const { server, peal, errors } = await rig();
    const room = peal.channel('a');
    await room.subscribe();
    server.publish('a', 1);
    server.socket.subscribed.clear();
    server.socket.push({
      unsubscribed: { channel: 'a', error: refusal(40101, 'token_expired', { retryable: true }) },
    });
    expect(room.state).toBe('subscribing');
    await pass(1_000);
    expect(room.state).toBe('subscribed');
    expect(server.requests('subscribe').at(-1)).toEqual({ channel: 'a', position: '7-1' });
    server.socket.push({ unsubscribed: { channel: 'a', error: refusal(40300, 'not_authorised') } });
    expect(room.state).toBe('failed');
    expect(errors).toEqual(['token_expired', 'not_authorised']);
  });
});

describe('resuming', () => {
  it('replays what was missed, once and in order, on every channel', async () => {
    const { server, peal } = await rig();
    const seen: Record<string, unknown[]> = { a: [], b: [] };
    const recoveries: unknown[] = [];
    for (const name of ['a', 'b'])
      peal.channel(name).on('message', (message) => seen[name]?.push(message.data));
    peal.on('recovered', (recovery) => recoveries.push(recovery));
    await settle();
    server.publish('a', 1);
    server.socket.drop(1006);
    for (let n = 2; n <= 100; n++) server.keep(n % 2 ? 'b' : 'a', n);
    await pass(1_000);
    server.publish('a', 101);
    expect(server.requests('subscribe').slice(2)).toEqual([
      { channel: 'a', position: '7-1' },
      { channel: 'b', position: '7-0' },
    ]);
    const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(seen.a).toEqual([1, ...numbers.filter((n) => n % 2 === 0), 101]);
    expect(seen.b).toEqual(numbers.filter((n) => n % 2 === 1 && n > 1));
    expect(recoveries).toEqual([
      { channel: 'a', position: '7-1', replay: 50 },
      { channel: 'b', position: '7-0', replay: 49 },
    ]);
  });

  it('takes the position from replies and pushes, not from ephemeral messages', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    server.keep('a', 'before');
    await room.subscribe();
    expect(room.position).toBe('7-1');
    server.socket.push({ message: { channel: 'a', id: 'e', ts: 5, event: 'typing', data: true } });
    expect(room.position).toBe('7-1');
    server.publish('a', 'after');
    expect(room.position).toBe('7-2');
    await settle();
  });

  it('says so when what was missed is gone, and goes on', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const gaps: unknown[] = [];
    const everywhere: unknown[] = [];
    const seen: unknown[] = [];
    room.on('discontinuity', (gap) => gaps.push(gap));
    room.on('message', (message) => seen.push(message.data));
    peal.on('discontinuity', (gap) => everywhere.push(gap));
    await settle();
    server.publish('a', 1);
    server.socket.drop(1006);
    server.kept.clear();
    server.keep('a', 'kept');
    await pass(1_000);
    server.publish('a', 'live');
    expect(gaps).toEqual([{ channel: 'a', reason: 'retention', from: '7-1', to: '7-2' }]);
    expect(everywhere).toEqual(gaps);
    expect(seen).toEqual([1, 'live']);
    expect(room.position).toBe('7-3');
  });

  it('goes on after a gap that the server announces', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const gaps: unknown[] = [];
    room.on('discontinuity', (gap) => gaps.push(gap));
    await settle();
    server.socket.push({ discontinuity: { channel: 'a', reason: 'overload', from: '7-0', to: '7-40' } });
    expect(gaps).toEqual([{ channel: 'a', reason: 'overload', from: '7-0', to: '7-40' }]);
    server.socket.drop(1006);
    await pass(1_000);
    expect(server.requests('subscribe').at(-1)).toEqual({ channel: 'a', position: '7-40' });
  });

  it('drops what arrives twice, by position and by id', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const seen: unknown[] = [];
    room.on('message', (message) => seen.push(message.data));
    await settle();
    const push = (message: object) =>
      server.socket.push({ message: { channel: 'a', event: 'said', ...message } });
    push({ position: '1-1', id: 'x', ts: 1_000, data: 'first' });
    push({ position: '1-2', id: 'y', ts: 1_001, data: 'second' });
    push({ position: '1-1', id: 'x', ts: 1_000, data: 'same position' });
    expect(room.position).toBe('1-2');
    push({ position: '9-1', id: 'x', ts: 60_000, data: 'stored twice by a failover' });
    expect(room.position).toBe('9-1');
    push({ position: '9-2', id: 'x', ts: 500_000, data: 'the id again, much later' });
    push({ id: 'z', ts: 2, data: 'ephemeral' });
    push({ id: 'z', ts: 3, data: 'ephemeral again' });
    expect(seen).toEqual(['first', 'second', 'the id again, much later', 'ephemeral']);
  });

  it('remembers a bounded number of messages', async () => {
    const { server, peal } = await rig();
    let count = 0;
    peal.channel('a').on('message', () => count++);
    await settle();
    for (let n = 0; n < 2_000; n++) server.publish('a', n);
    expect(count).toBe(2_000);
  });

  it('resumes after the client failed and was told to go on', async () => {
    const { server, peal } = await rig();
    const seen: unknown[] = [];
    peal.channel('a').on('message', (message) => seen.push(message.data));
    await settle();
    server.publish('a', 1);
    const iterator = peal.channel('a').messages();
    server.socket.drop(4003);
    expect(await refusalOf(iterator.next())).toBe('connection_closed');
    server.keep('a', 2);
    peal.reconnect();
    await settle();
    expect(seen).toEqual([1, 2]);
  });
});

describe('delivery', () => {
  it('goes on when a listener throws, and the error is reported', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { server, peal } = await rig();
    const seen: unknown[] = [];
    const room = peal.channel('a');
    const thrown = new Error('listener');
    room.on('message', () => {
      throw thrown;
    });
    room.on('said', () => {
      throw thrown;
    });
    room.on('message', (message) => seen.push(message.data));
    peal.on('state', () => {
      throw thrown;
    });
    await settle();
    server.publish('a', 1);
    server.publish('a', 2);
    server.socket.drop(1006);
    await pass(1_000);
    server.publish('a', 3);
    expect(seen).toEqual([1, 2, 3]);
    expect(peal.state.name).toBe('connected');
    expect(report).toHaveBeenCalledWith(thrown);
  });

  it('uses reportError where the platform has it', async () => {
    const report = vi.fn();
    vi.stubGlobal('reportError', report);
    const { server, peal } = await rig();
    peal.channel('a').on('message', () => {
      throw new Error('x');
    });
    await settle();
    server.publish('a', 1);
    expect(report).toHaveBeenCalledOnce();
    vi.unstubAllGlobals();
  });

  it('stops for a listener that unsubscribes, even within one message', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const seen: string[] = [];
    const off = room.on('message', () => {
      seen.push('first');
      off();
      off();
    });
    const same = () => seen.push('twice');
    const offSame = room.on('message', same);
    room.on('message', same);
    await settle();
    server.publish('a', 1);
    offSame();
    server.publish('a', 2);
    expect(seen).toEqual(['first', 'twice', 'twice', 'twice']);
  });

  it('shows events with reserved names to on("message") alone', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    const gaps: unknown[] = [];
    const all: unknown[] = [];
    room.on('discontinuity', (gap) => gaps.push(gap));
    room.on('message', (message) => all.push(message.event));
    await settle();
    server.publish('a', 1, { event: 'discontinuity' });
    server.publish('a', 1, { event: 'message' });
    expect(gaps).toEqual([]);
    expect(all).toEqual(['discontinuity', 'message']);
  });

  it('splits a publication of several messages', async () => {
    const { server, peal } = await rig();
    const seen: Message[] = [];
    peal.channel('a').on('message', (message) => seen.push(message));
    await settle();
    const messages = [
      { event: 'x', data: 1 },
      { event: 'y', data: 'null', encoding: 'text' },
      { data: 3, client_id: 'bob' },
    ];
    server.socket.push({
      message: { channel: 'a', position: '1-1', id: 'i', ts: 9, client_id: 'ada', messages },
    });
    expect(seen).toEqual([
      { channel: 'a', event: 'x', data: 1, id: 'i', ts: 9, position: '1-1', clientId: 'ada' },
      { channel: 'a', event: 'y', data: null, raw: 'null', id: 'i', ts: 9, position: '1-1', clientId: 'ada' },
      { channel: 'a', event: 'message', data: 3, id: 'i', ts: 9, position: '1-1', clientId: 'bob' },
    ]);
  });

  it.each([
    [{ data: { text: 'hi' } }, { data: { text: 'hi' } }],
    [{ data: '{"text":"hi"}' }, { data: '{"text":"hi"}' }],
    [
      { data: '{"text":"hi"}', encoding: 'text' },
      { data: { text: 'hi' }, raw: '{"text":"hi"}' },
    ],
    [
      { data: '5', encoding: 'text' },
      { data: 5, raw: '5' },
    ],
    [
      { data: 'plain', encoding: 'text' },
      { data: 'plain', raw: 'plain' },
    ],
    [
      { data: 'AAEC/w==', encoding: 'base64' },
      { data: new Uint8Array([0, 1, 2, 255]), raw: 'AAEC/w==' },
    ],
    [
      { data: 'not base64!', encoding: 'base64' },
      { data: 'not base64!', raw: 'not base64!' },
    ],
  ])('shows %o as %o', async (wire, expected) => {
    const { server, peal } = await rig();
    const seen: Message[] = [];
    peal.channel('a').on('message', (message) => seen.push(message));
    await settle();
    server.socket.push({ message: { channel: 'a', id: 'i', ts: 1, event: 'e', ...wire } });
    const { data, raw } = seen[0] as Message;
    expect({ data, ...(raw !== undefined && { raw }) }).toEqual(expected);
  });
});

describe('messages()', () => {
  it('yields what was rewound and then what is live', async () => {
    const { server, peal } = await rig();
    for (let n = 1; n <= 5; n++) server.keep('a', n);
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const message of peal.channel('a').messages({ rewind: 3 })) {
        seen.push(message.data);
        if (message.data === 7) break;
      }
    })();
    await settle();
    expect(server.requests('subscribe')).toEqual([{ channel: 'a', rewind: 3 }]);
    server.publish('a', 6);
    server.publish('a', 7);
    await reading;
    expect(seen).toEqual([3, 4, 5, 6, 7]);
  });

  it('reads history instead on a channel that is subscribed already, without duplicates', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    for (let n = 1; n <= 3; n++) server.keep('a', n);
    await room.subscribe();
    server.publish('a', 4);
    let reply = () => {};
    server.on.history = ({ socket, id }) => {
      const messages = [...(server.kept.get('a') ?? [])].reverse().slice(0, 3);
      reply = () => socket.push({ id, ok: { messages, more: true } });
      return undefined;
    };
    const iterator = room.messages({ rewind: 3 });
    server.publish('a', 5);
    await settle();
    server.publish('a', 6);
    reply();
    const seen = [];
    for (let n = 0; n < 4; n++) seen.push((await iterator.next()).value);
    expect(data(seen)).toEqual([3, 4, 5, 6]);
    expect(server.requests('history')).toEqual([{ channel: 'a', limit: 3 }]);
  });

  it('takes a duration there, too', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('a');
    await room.subscribe();
    server.publish('a', 'old', { ts: Date.now() - 61_000 });
    server.publish('a', 'recent', { ts: Date.now() - 59_000 });
    const iterator = room.messages({ rewind: '1m' });
    await settle();
    expect((await iterator.next()).value.data).toBe('recent');
    expect(await refusalOf(room.messages({ rewind: '1 fortnight' }).next())).toBe('misuse');
  });

  it('throws when the history before it cannot be read', async () => {
    const { server, peal } = await rig();
    await peal.channel('a').subscribe();
    server.on.history = () => ({ error: refusal(40300, 'not_authorised') });
    expect(await refusalOf(peal.channel('a').messages({ rewind: 3 }).next())).toBe('not_authorised');
  });

  it('ends a reader that falls 10,000 messages behind with an error, after those', async () => {
    const { server, peal } = await rig();
    const iterator = peal.channel('a').messages();
    await settle();
    for (let n = 0; n < 10_500; n++) {
      server.socket.push({
        message: { channel: 'a', id: `i${n}`, ts: n, event: 'e', data: n, position: `1-${n}` },
      });
    }
    for (let n = 0; n < 10_000; n++) expect((await iterator.next()).value.data).toBe(n);
    expect(await refusalOf(iterator.next())).toBe('slow_reader');
    expect((await iterator.next()).done).toBe(true);
  });

  it('ends when the client closes, also for those who wait', async () => {
    const { peal } = await rig();
    const iterator = peal.channel('a').messages();
    const first = iterator.next();
    const second = iterator.next();
    await settle();
    await peal.close();
    expect(await first).toEqual({ done: true, value: undefined });
    expect((await second).done).toBe(true);
    expect((await iterator.return?.())?.done).toBe(true);
  });
});

describe('history()', () => {
  it('walks page after page', async () => {
    const { server, peal } = await rig();
    for (let n = 1; n <= 7; n++) server.keep('a', n);
    const page = await peal.channel('a').history({ limit: 3 });
    expect(data(page.messages)).toEqual([7, 6, 5]);
    expect(page.more).toBe(true);
    const second = await page.next();
    expect(data(second?.messages ?? [])).toEqual([4, 3, 2]);
    const all = [];
    for await (const message of page) all.push(message.data);
    expect(all).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(await (await second?.next())?.next()).toBeUndefined();
    expect(server.requests('history')[1]).toEqual({ channel: 'a', limit: 3, before: '7-5' });
  });

  it('goes forwards with after', async () => {
    const { server, peal } = await rig();
    server.on.history = ({ body }) => ({
      ok: {
        messages: [{ position: '1-2', id: 'i', ts: 1, messages: [{ event: 'a' }, { event: 'b' }] }],
        more: body.after !== '1-2',
      },
    });
    const page = await peal.channel('a').history({ direction: 'forwards' });
    expect(page.messages.map(({ event }) => event)).toEqual(['a', 'b']);
    await page.next();
    expect(server.requests('history')[1]).toEqual({ channel: 'a', direction: 'forwards', after: '1-2' });
    const newestFirst = await peal.channel('a').history();
    expect(newestFirst.messages.map(({ event }) => event)).toEqual(['b', 'a']);
  });
});
