import { expect, test } from 'vitest';
import { delivery, event, publisher, subscribed, subscriber, unique } from './clients.js';

const get = async (path, params) => (await publisher().get({ path, params })).json();

test('private channels need a signature', async () => {
  const name = unique('private-');
  const channel = await subscribed(subscriber(), name);
  const received = event(channel, 'x');
  await publisher().trigger(name, 'x', { secret: true });
  expect(await received).toEqual({ secret: true });

  const forged = subscriber({
    channelAuthorization: { customHandler: (_, done) => done(null, { auth: `compatkey:${'0'.repeat(64)}` }) },
  });
  const refused = forged.subscribe(name);
  expect(await event(refused, 'pusher:subscription_error')).toMatchObject({ status: 401 });
});

test('presence: members see each other come and go, a user on two connections counts once', async () => {
  const name = unique('presence-');
  const ada = await subscribed(subscriber({ user: { user_id: 'ada', user_info: { name: 'Ada' } } }), name);
  expect(ada.members.count).toBe(1);
  expect(ada.members.me).toEqual({ id: 'ada', info: { name: 'Ada' } });

  const added = event(ada, 'pusher:member_added');
  const bobClient = subscriber({ user: { user_id: 'bob', user_info: { name: 'Bob' } } });
  const bob = await subscribed(bobClient, name);
  expect(await added).toEqual({ id: 'bob', info: { name: 'Bob' } });
  expect(bob.members.count).toBe(2);
  expect(Object.keys(bob.members.members).sort()).toEqual(['ada', 'bob']);

  const seen = [];
  ada.bind('pusher:member_added', (member) => seen.push(`+${member.id}`));
  ada.bind('pusher:member_removed', (member) => seen.push(`-${member.id}`));
  const secondClient = subscriber({ user: { user_id: 'bob', user_info: { name: 'Bob' } } });
  await subscribed(secondClient, name);
  expect((await get(`/channels/${name}/users`)).users).toEqual(
    expect.arrayContaining([{ id: 'ada' }, { id: 'bob' }]),
  );
  expect(await get(`/channels/${name}`, { info: 'user_count' })).toEqual({ occupied: true, user_count: 2 });

  secondClient.disconnect();
  const removed = event(ada, 'pusher:member_removed');
  bobClient.disconnect();
  expect(await removed).toMatchObject({ id: 'bob' });
  expect(seen).toEqual(['-bob']);
  expect(ada.members.count).toBe(1);
});

test('numeric user ids become text', async () => {
  const name = unique('presence-');
  const channel = await subscribed(subscriber({ user: { user_id: 10 } }), name);
  expect(channel.members.count).toBe(1);
  expect((await get(`/channels/${name}/users`)).users).toEqual([{ id: '10' }]);
});

test('presence without a user id is refused with a reason', async () => {
  const server = publisher();
  const client = subscriber({
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        done(null, server.authorizeChannel(socketId, channelName, { user_info: {} })),
    },
  });
  const error = await event(client.subscribe(unique('presence-')), 'pusher:subscription_error');
  expect(error.error).toMatch(/user_id/);
});

test('client events reach the others with the sender, and not the sender', async () => {
  const name = unique('presence-');
  const ada = await subscribed(subscriber({ user: { user_id: 'ada' } }), name);
  const bob = await subscribed(subscriber({ user: { user_id: 'bob' } }), name);
  const own = [];
  ada.bind('client-typing', () => own.push('echo'));
  const received = delivery(bob, 'client-typing');
  ada.trigger('client-typing', { on: true });
  expect(await received).toMatchObject({ data: { on: true }, user_id: 'ada' });
  const back = event(ada, 'client-done');
  bob.trigger('client-done', 'a plain string');
  expect(await back).toBe('a plain string');
  expect(own).toEqual([]);
});

test('client events beyond ten a second are dropped with error 4301 and the connection stays', async () => {
  const name = unique('private-');
  const client = subscriber();
  const channel = await subscribed(client, name);
  const error = event(client.connection, 'error');
  for (let n = 0; n < 30; n += 1) channel.trigger('client-flood', { n });
  expect((await error).data.code).toBe(4301);
  expect(client.connection.state).toBe('connected');
});

test('channel queries list what is occupied', async () => {
  const prefix = unique('private-q');
  await subscribed(subscriber(), `${prefix}.1`);
  await subscribed(subscriber(), `${prefix}.1`);
  await subscribed(subscriber(), `${prefix}.2`);
  expect(await get('/channels', { filter_by_prefix: prefix, info: 'subscription_count' })).toEqual({
    channels: { [`${prefix}.1`]: { subscription_count: 2 }, [`${prefix}.2`]: { subscription_count: 1 } },
  });
  expect(await get(`/channels/${unique('nobody')}`)).toEqual({ occupied: false });
  await expect(publisher().get({ path: '/channels', params: { info: 'user_count' } })).rejects.toMatchObject({
    status: 400,
  });
});

test('a cache channel gives its last event to a new subscriber, or says that there is none', async () => {
  const name = unique('cache-');
  const empty = subscriber();
  const missed = event(empty.subscribe(name), 'pusher:cache_miss');
  await missed;
  await publisher().trigger(name, 'price', { n: 1 });
  await publisher().trigger(name, 'price', { n: 2 });
  const late = subscriber().subscribe(name);
  expect(await event(late, 'price')).toEqual({ n: 2 });
  expect(await get(`/channels/${name}`, { info: 'cache' })).toMatchObject({
    occupied: true,
    cache: { data: '{"n":2}' },
  });
});

test('encrypted channels carry what only the two ends can read', async () => {
  const name = unique('private-encrypted-');
  const masterKey = Buffer.alloc(32, 7).toString('base64');
  const server = publisher({ encryptionMasterKeyBase64: masterKey });
  const client = subscriber({
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        done(null, server.authorizeChannel(socketId, channelName)),
    },
  });
  const channel = await subscribed(client, name);
  const received = event(channel, 'x');
  await server.trigger(name, 'x', { hidden: 'treasure' });
  expect(await received).toEqual({ hidden: 'treasure' });
});

test('a signed-in user gets what is sent to the user, and can be disconnected', async () => {
  const id = unique('user');
  const client = subscriber({ user: { user_id: id } });
  const received = new Promise((resolve) => client.user.bind('note', resolve));
  client.signin();
  await client.user.signinDonePromise;
  await expect.poll(() => client.user.serverToUserChannel?.subscribed).toBe(true);
  await publisher().sendToUser(id, 'note', { n: 1 });
  expect(await received).toEqual({ n: 1 });
  const gone = event(client.connection, 'disconnected');
  await publisher().terminateUserConnections(id);
  await gone;
});
