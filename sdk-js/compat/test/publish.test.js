import { expect, test } from 'vitest';
import { connected, event, publisher, subscribed, subscriber, unique } from './clients.js';

test('what pusher publishes, pusher-js receives, on every connection', async () => {
  const name = unique('news');
  const channels = await Promise.all([1, 2, 3, 4].map(() => subscribed(subscriber(), name)));
  const received = channels.map((channel) => event(channel, 'said'));
  const response = await publisher().trigger(name, 'said', { text: 'hello', big: '12345678901234567890' });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({});
  for (const message of received)
    expect(await message).toEqual({ text: 'hello', big: '12345678901234567890' });
});

test('messages of one publisher arrive in order and once', async () => {
  const name = unique('order');
  const channel = await subscribed(subscriber(), name);
  const seen = [];
  const done = new Promise((resolve) => {
    channel.bind('n', (n) => {
      seen.push(n);
      if (n === 99) resolve();
    });
  });
  const server = publisher();
  for (let n = 0; n < 100; n += 1) await server.trigger(name, 'n', n);
  await done;
  expect(seen).toEqual([...Array(100).keys()]);
});

test('a socket id keeps the message from its own connection, on all channels', async () => {
  const [a, b] = [unique('a'), unique('b')];
  const [own, other] = [subscriber(), subscriber()];
  const channels = await Promise.all(
    [own, other].flatMap((client) => [subscribed(client, a), subscribed(client, b)]),
  );
  const seen = [];
  channels[0].bind('x', () => seen.push('own a'));
  channels[1].bind('x', () => seen.push('own b'));
  const others = [event(channels[2], 'x'), event(channels[3], 'x')];
  await publisher().trigger([a, b], 'x', {}, { socket_id: own.connection.socket_id });
  await Promise.all(others);
  const last = event(channels[0], 'end');
  await publisher().trigger(a, 'end', {});
  await last;
  expect(seen).toEqual([]);
});

test('a batch reaches its channels, and attributes come back by index', async () => {
  const [a, b] = [unique('presence-a'), unique('b')];
  const first = await subscribed(subscriber({ user: { user_id: 'ada' } }), a);
  const second = await subscribed(subscriber(), b);
  const received = [event(first, 'x'), event(second, 'y')];
  const response = await publisher().triggerBatch([
    { channel: a, name: 'x', data: 'one', info: 'user_count' },
    { channel: b, name: 'y', data: { two: 2 }, info: 'subscription_count' },
  ]);
  expect(await response.json()).toEqual({ batch: [{ user_count: 1 }, { subscription_count: 1 }] });
  expect(await Promise.all(received)).toEqual(['one', { two: 2 }]);
});

test('a wrong secret is refused with 401 and a reason, and nothing is delivered', async () => {
  await expect(publisher({ secret: 'wrong' }).trigger('x', 'y', {})).rejects.toMatchObject({ status: 401 });
  await expect(publisher({ key: 'nobody' }).trigger('x', 'y', {})).rejects.toMatchObject({ status: 401 });
  await expect(publisher({ appId: '999999999' }).trigger('x', 'y', {})).rejects.toMatchObject({
    status: 401,
  });
});

test('data over 10,240 bytes is refused with 413, also inside a batch', async () => {
  await expect(publisher().trigger('x', 'y', 'a'.repeat(10_241))).rejects.toMatchObject({ status: 413 });
  await expect(
    publisher().triggerBatch([{ channel: 'x', name: 'y', data: 'a'.repeat(10_241) }]),
  ).rejects.toMatchObject({ status: 413 });
  expect((await publisher().trigger('x', 'y', 'a'.repeat(10_240))).status).toBe(200);
});

test('a reserved event name is refused with 400', async () => {
  await expect(publisher().trigger('x', 'pusher:x', {})).rejects.toMatchObject({ status: 400 });
});

test('an unknown key is told so after the upgrade, and the client stops trying', async () => {
  const client = subscriber({ key: 'nobody' });
  const error = await event(client.connection, 'error');
  expect(error.error?.data?.code ?? error.data?.code).toBe(4001);
  await expect.poll(() => client.connection.state).toBe('disconnected');
});

test('a connection has a socket id that the libraries accept', async () => {
  const client = subscriber();
  await connected(client);
  expect(client.connection.socket_id).toMatch(/^\d+\.\d+$/);
});
