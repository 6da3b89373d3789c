// What an app of Pusher's may switch on: subscription counts and watchlists. `--seed-app` has both on.
import { expect, test } from 'vitest';
import { connected, event, publisher, subscribed, subscriber, unique } from './clients.js';

// Machines are busy.
const PATIENCE = { timeout: 10_000 };

const counted = async (client, name) => {
  const channel = client.subscribe(name);
  const count = event(channel, 'pusher:subscription_count');
  if (!channel.subscribed) await event(channel, 'pusher:subscription_succeeded');
  await count;
  return channel;
};

test.each(['', 'private-', 'cache-'])('every subscriber of %s channels knows how many there are', async (prefix) => {
  const name = unique(prefix === '' ? 'counted' : prefix);
  const ada = await counted(subscriber(), name);
  expect(ada.subscriptionCount).toBe(1);
  // Enough that both cores have some.
  const others = Array.from({ length: 6 }, () => subscriber());
  const channels = others.map((client) => client.subscribe(name));
  await expect.poll(() => ada.subscriptionCount, PATIENCE).toBe(7);
  for (const channel of channels) await expect.poll(() => channel.subscriptionCount, PATIENCE).toBe(7);
  const response = await publisher().get({ path: `/channels/${name}`, params: { info: 'subscription_count' } });
  expect(await response.json()).toEqual({ occupied: true, subscription_count: 7 });
  others[0].unsubscribe(name);
  others[1].disconnect();
  await expect.poll(() => ada.subscriptionCount, PATIENCE).toBe(5);
});

test('members of presence channels are not counted a second time', async () => {
  const user = { user_id: 'ada' };
  const channel = await subscribed(subscriber({ user }), unique('presence-'));
  const marker = await counted(subscriber(), unique('marker'));
  expect(marker.subscriptionCount).toBe(1);
  expect(channel.subscriptionCount).toBeUndefined();
});

// Collects the watchlist events from the first frame on: pusher-js passes them to whoever is bound then.
function watching(client) {
  const seen = [];
  for (const name of ['online', 'offline']) {
    client.user.watchlist.bind(name, (told) => {
      for (const id of told.user_ids) seen.push(`${name} ${id}`);
    });
  }
  return seen;
}

const signedIn = async (client) => {
  await connected(client);
  client.signin();
  await client.user.signinDonePromise;
};

test('a watchlist tells who is online, and every change', async () => {
  const [ada, bob, eve] = [unique('ada'), unique('bob'), unique('eve')];
  const first = subscriber({ user: { user_id: bob } });
  await signedIn(first);
  const watcher = subscriber({ user: { user_id: ada, watchlist: [bob, eve] } });
  const seen = watching(watcher);
  await signedIn(watcher);
  await expect.poll(() => seen.length, PATIENCE).toBe(2);
  expect(seen.sort()).toEqual([`offline ${eve}`, `online ${bob}`]);

  const eves = Array.from({ length: 4 }, () => subscriber({ user: { user_id: eve, watchlist: [ada] } }));
  const hers = watching(eves[0]);
  for (const client of eves) await signedIn(client);
  await expect.poll(() => hers, PATIENCE).toEqual([`online ${ada}`]);
  await expect.poll(() => seen.slice(2), PATIENCE).toEqual([`online ${eve}`]);
  for (const client of eves) client.disconnect();
  await expect.poll(() => seen.slice(3), PATIENCE).toEqual([`offline ${eve}`]);
  watcher.disconnect();
});

test('of more than a hundred the first are watched, with error 4302', async () => {
  const ids = Array.from({ length: 101 }, () => unique('watched'));
  const watcher = subscriber({ user: { user_id: unique('ada'), watchlist: ids } });
  const seen = watching(watcher);
  const error = event(watcher.connection, 'error');
  await signedIn(watcher);
  expect((await error).data.code).toBe(4302);
  await expect.poll(() => seen.length, PATIENCE).toBe(100);
  expect(watcher.connection.state).toBe('connected');
  const last = subscriber({ user: { user_id: ids[100] } });
  const watched = subscriber({ user: { user_id: ids[99] } });
  await signedIn(last);
  await signedIn(watched);
  await expect.poll(() => seen.slice(100), PATIENCE).toEqual([`online ${ids[99]}`]);
});
