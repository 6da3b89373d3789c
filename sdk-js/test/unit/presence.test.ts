import { describe, expect, it } from 'vitest';
import type { Member, Peal, Presence, PresenceChange } from '../../src/types.js';
import { type FakeServer, type Received, refusal } from './fake-server.js';
import { pass, refusalOf, rig, settle, virtualTime } from './setup.js';

virtualTime();

const wire = (connection: string, data?: unknown) => ({ client_id: connection[0], connection, data });
const member = (connection: string, data?: unknown) => ({
  clientId: connection[0],
  connection,
  ...(data !== undefined && { data }),
});
const here = (presence: Presence) => [...presence.members.keys()].sort();

/** Answers every subscription with these members. */
function withMembers(server: FakeServer, members: object[]): void {
  server.on.subscribe = ({ body }) => ({
    ok: {
      position: '7-0',
      recovered: true,
      ...(body.presence === true && { presence: { members, count: members.length } }),
    },
  });
}

const operations = (server: FakeServer) =>
  server.received
    .filter(({ socket }) => socket === server.socket)
    .map(({ operation, body }) => [operation, body.data]);

describe('members', () => {
  it('are kept in sync from the snapshot on', async () => {
    const { server, peal } = await rig();
    withMembers(server, [wire('a1', { n: 1 }), wire('b1')]);
    const { presence } = peal.channel('room');
    const changes: PresenceChange[] = [];
    presence.on('change', (change) => changes.push(change));
    await settle();
    expect(server.requests('subscribe')).toEqual([{ channel: 'room', presence: true }]);
    expect(presence.members).toEqual(
      new Map([
        ['a1', member('a1', { n: 1 })],
        ['b1', member('b1')],
      ]),
    );
    server.socket.push({
      presence: {
        channel: 'room',
        enter: [wire('c1')],
        update: [wire('a1', { n: 2 })],
        leave: [wire('b1')],
        count: 2,
      },
    });
    expect(here(presence)).toEqual(['a1', 'c1']);
    expect(presence.members.get('a1')?.data).toEqual({ n: 2 });
    expect(presence.count).toBe(2);
    expect(changes).toEqual([
      { enter: [member('a1', { n: 1 }), member('b1')], update: [], leave: [], count: 2 },
      { enter: [member('c1')], update: [member('a1', { n: 2 })], leave: [member('b1')], count: 2 },
    ]);
  });

  it('are told as one difference after a reconnect, and not at all when nothing changed', async () => {
    const { server, peal } = await rig();
    withMembers(server, [wire('a1', 1), wire('b1'), wire('c1')]);
    const { presence } = peal.channel('room');
    const changes: PresenceChange[] = [];
    presence.on('change', (change) => changes.push(change));
    await settle();
    changes.length = 0;
    server.socket.drop(1006);
    expect(here(presence)).toEqual(['a1', 'b1', 'c1']);
    await pass(2_000);
    expect(changes).toEqual([]);
    withMembers(server, [wire('a1', 2), wire('b1'), wire('d1')]);
    server.socket.drop(1006);
    await pass(5_000);
    expect(changes).toEqual([
      { enter: [member('d1')], update: [member('a1', 2)], leave: [member('c1')], count: 3 },
    ]);
  });

  it('come with a second request on a channel that is subscribed already, which changes nothing else', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('room');
    await room.subscribe();
    server.publish('room', 1);
    withMembers(server, [wire('a1')]);
    expect(here({ ...room.presence, members: await room.presence.get() } as Presence)).toEqual(['a1']);
    expect(server.requests('subscribe')).toEqual([{ channel: 'room' }, { channel: 'room', presence: true }]);
    expect(room.position).toBe('7-1');
    await room.presence.get();
    expect(server.requests('subscribe')).toHaveLength(2);
  });

  it('are asked for after the first answer when they are wanted before it', async () => {
    const { server, peal } = await rig();
    const room = peal.channel('room', { rewind: 5 });
    server.keep('room', 'kept');
    const seen: unknown[] = [];
    room.on('message', (message) => seen.push(message.data));
    await Promise.resolve();
    const members = room.presence.get();
    await settle();
    await members;
    expect(server.requests('subscribe')).toEqual([
      { channel: 'room', rewind: 5 },
      { channel: 'room', presence: true },
    ]);
    expect(seen).toEqual(['kept']);
  });

  it('may be refused while messages go on', async () => {
    const { server, peal, errors } = await rig();
    const room = peal.channel('room');
    await room.subscribe();
    server.on.subscribe = () => ({ error: refusal(40300, 'not_authorised') });
    expect(await refusalOf(room.presence.get())).toBe('not_authorised');
    expect(room.state).toBe('subscribed');
    expect(errors).toEqual(['not_authorised']);
    server.on = {};
    server.socket.drop(1006);
    await pass(2_000);
    expect(server.requests('subscribe').at(-1)).toEqual({ channel: 'room', position: '7-0' });
  });

  it('are forgotten with unsubscribe', async () => {
    const { server, peal } = await rig();
    withMembers(server, [wire('a1')]);
    const room = peal.channel('room');
    await room.presence.get();
    await room.unsubscribe();
    expect(here(room.presence)).toEqual([]);
    expect(room.presence.count).toBe(0);
  });
});

/** Accepts every enter and update as the server does: with what is shown. */
function accepting(server: FakeServer): void {
  const entered = ({ body }: { body: Record<string, unknown> }) => ({ ok: { data: body.data } });
  server.on['presence.enter'] = entered;
  server.on['presence.update'] = entered;
}

describe('what we have entered ourselves', () => {
  const own = (peal: Peal, data?: unknown) => {
    const { state } = peal;
    if (state.name !== 'connected') throw new Error(state.name);
    return {
      clientId: state.clientId,
      connection: state.connection,
      ...(data !== undefined && { data }),
    } as Member;
  };
  const told = ({ clientId, ...member }: Member) => ({ ...member, client_id: clientId });

  it('is a member at once, although the server collects changes before it tells them', async () => {
    const { server, peal } = await rig();
    withMembers(server, [wire('a1')]);
    accepting(server);
    const { presence } = peal.channel('room');
    const changes: PresenceChange[] = [];
    presence.on('change', (change) => changes.push(change));
    await presence.enter({ name: 'Ada' });
    const ada = own(peal, { name: 'Ada' });
    expect((await presence.get()).get(ada.connection)).toEqual(ada);
    expect(presence.count).toBe(2);
    // Told of it later, nothing is news.
    server.socket.push({ presence: { channel: 'room', enter: [told(ada)], count: 2 } });
    await presence.update({ name: 'Ada L.' });
    const later = own(peal, { name: 'Ada L.' });
    expect(presence.members.get(ada.connection)).toEqual(later);
    server.socket.push({ presence: { channel: 'room', update: [told(later)], count: 2 } });
    await presence.leave();
    expect(here(presence)).toEqual(['a1']);
    expect(presence.count).toBe(1);
    server.socket.push({ presence: { channel: 'room', leave: [told(later)], count: 1 } });
    expect(changes.slice(1)).toEqual([
      { enter: [ada], update: [], leave: [], count: 2 },
      { enter: [], update: [later], leave: [], count: 2 },
      { enter: [], update: [], leave: [later], count: 1 },
    ]);
  });

  it('is in a snapshot that was taken before', async () => {
    const { server, peal } = await rig();
    accepting(server);
    const room = peal.channel('room');
    await room.subscribe();
    // The members are read first and arrive last.
    server.on.subscribe = () => undefined;
    await room.presence.enter(1);
    const getting = room.presence.get();
    const { id } = server.received.filter(({ operation }) => operation === 'subscribe').at(-1) as Received;
    server.socket.push({ id, ok: { position: '7-0', presence: { members: [wire('a1')], count: 1 } } });
    expect([...(await getting).keys()]).toEqual(['a1', own(peal).connection]);
    expect(room.presence.count).toBe(2);
  });

  it('shows what the token says when nothing else was given', async () => {
    const { server, peal } = await rig();
    server.on['presence.enter'] = () => ({ ok: { data: { name: 'from the token' } } });
    withMembers(server, []);
    const { presence } = peal.channel('room');
    await presence.enter();
    const ada = own(peal, { name: 'from the token' });
    expect([...(await presence.get()).values()]).toEqual([ada]);
  });

  it('is gone when the server says so', async () => {
    const { server, peal } = await rig();
    withMembers(server, []);
    accepting(server);
    const { presence } = peal.channel('room');
    await presence.enter(1);
    await presence.get();
    server.socket.push({ presence: { channel: 'room', leave: [told(own(peal))], count: 0 } });
    expect(here(presence)).toEqual([]);
    expect(presence.count).toBe(0);
  });
});

describe('being present', () => {
  it('enters after subscribing, updates, and leaves', async () => {
    const { server, peal } = await rig();
    const { presence } = peal.channel('room');
    await presence.enter({ name: 'Ada' });
    await presence.update({ name: 'Ada', away: true });
    await presence.leave();
    await presence.leave();
    expect(operations(server).slice(1)).toEqual([
      ['subscribe', undefined],
      ['presence.enter', { name: 'Ada' }],
      ['presence.update', { name: 'Ada', away: true }],
      ['presence.leave', undefined],
    ]);
  });

  it('is expressed again after every reconnect, with the latest data', async () => {
    const { server, peal } = await rig();
    const { presence } = peal.channel('room');
    await presence.enter(1);
    server.refusing = true;
    server.socket.drop(1006);
    const updating = presence.update(2);
    server.refusing = false;
    await pass(2_000);
    await updating;
    expect(operations(server).slice(1)).toEqual([
      ['subscribe', undefined],
      ['presence.enter', 2],
    ]);
    await presence.leave();
    server.socket.drop(1006);
    await pass(5_000);
    expect(operations(server).map(([operation]) => operation)).toEqual(['connect', 'subscribe']);
  });

  it('survives a connection that breaks before the answer', async () => {
    const { server, peal } = await rig();
    server.on['presence.enter'] = () => undefined;
    const entering = peal.channel('room').presence.enter(1);
    await settle();
    server.on = {};
    server.socket.drop(1006);
    await pass(2_000);
    await entering;
    expect(server.requests('presence.enter')).toHaveLength(2);
  });

  it('rejects when refused and does not try again', async () => {
    const { server, peal } = await rig();
    server.on['presence.enter'] = () => ({ error: refusal(40025, 'no_client_id') });
    expect(await refusalOf(peal.channel('room').presence.enter())).toBe('no_client_id');
    server.socket.drop(1006);
    await pass(2_000);
    expect(server.requests('presence.enter')).toHaveLength(1);
  });

  it('waits when the server is busy, and says so once', async () => {
    const { server, peal, errors } = await rig();
    server.on['presence.enter'] = () => ({
      error: refusal(42900, 'rate_limited', { retryable: true, retry_after: 100 }),
    });
    const entering = peal.channel('room').presence.enter(1);
    await pass(350);
    expect(server.requests('presence.enter')).toHaveLength(4);
    expect(errors).toEqual(['rate_limited']);
    server.on = {};
    await pass(100);
    await entering;
    await pass(60_000);
    expect(server.requests('presence.enter')).toHaveLength(5);
  });

  it('tries again when a reconnect finds the server busy', async () => {
    const { server, peal, errors } = await rig();
    await peal.channel('room').presence.enter(1);
    server.on['presence.enter'] = () => ({ error: refusal(42900, 'rate_limited', { retryable: true }) });
    server.socket.drop(1006);
    await pass(1_200);
    expect(errors).toContain('rate_limited');
    server.on = {};
    await pass(10_000);
    const before = server.requests('presence.enter').length;
    await pass(60_000);
    expect(server.requests('presence.enter')).toHaveLength(before);
    expect(operations(server).at(-1)?.[0]).not.toBe('subscribe');
  });

  it('is refused with the channel', async () => {
    const { server, peal } = await rig();
    server.on.subscribe = () => ({ error: refusal(40300, 'not_authorised') });
    server.on['presence.enter'] = () => ({ error: refusal(40300, 'not_authorised') });
    const { presence } = peal.channel('room');
    const results = Promise.all([refusalOf(presence.enter()), refusalOf(presence.get())]);
    expect(await results).toEqual(['not_authorised', 'not_authorised']);
  });

  it('ends what waits when it is left or unsubscribed', async () => {
    const { server, peal } = await rig();
    server.refusing = true;
    server.socket.drop(1006);
    const room = peal.channel('room');
    const entering = refusalOf(room.presence.enter());
    await room.presence.leave();
    expect(await entering).toBe('unsubscribed');
    const getting = refusalOf(room.presence.get());
    await room.unsubscribe();
    expect(await getting).toBe('unsubscribed');
  });
});
