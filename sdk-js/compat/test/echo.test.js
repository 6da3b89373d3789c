import Echo from 'laravel-echo';
import { expect, test } from 'vitest';
import { event, publisher, subscriber, unique } from './clients.js';

const echo = (options) => new Echo({ broadcaster: 'pusher', client: subscriber(options) });

test('laravel-echo listens on public and private channels', async () => {
  const name = unique('orders');
  const client = echo();
  const seen = new Promise((resolve) => client.private(name).listen('.shipped', resolve));
  await event(client.connector.channels[`private-${name}`].subscription, 'pusher:subscription_succeeded');
  await publisher().trigger(`private-${name}`, 'shipped', { id: 7 });
  expect(await seen).toEqual({ id: 7 });

  const namespaced = new Promise((resolve) => client.channel(name).listen('OrderShipped', resolve));
  await event(client.connector.channels[name].subscription, 'pusher:subscription_succeeded');
  await publisher().trigger(name, 'App\\Events\\OrderShipped', { id: 8 });
  expect(await namespaced).toEqual({ id: 8 });
});

test('laravel-echo joins a presence channel and whispers', async () => {
  const name = unique('room');
  const ada = echo({ user: { user_id: 'ada', user_info: { name: 'Ada' } } });
  const bob = echo({ user: { user_id: 'bob', user_info: { name: 'Bob' } } });
  const here = new Promise((resolve) => ada.join(name).here(resolve));
  expect(await here).toEqual([{ name: 'Ada' }]);
  const joining = new Promise((resolve) => ada.join(name).joining(resolve));
  const whispered = new Promise((resolve) => ada.join(name).listenForWhisper('typing', resolve));
  const both = new Promise((resolve) => bob.join(name).here(resolve));
  expect(await joining).toEqual({ name: 'Bob' });
  expect((await both).map((member) => member.name).sort()).toEqual(['Ada', 'Bob']);
  bob.join(name).whisper('typing', { on: true });
  expect(await whispered).toEqual({ on: true });
  const leaving = new Promise((resolve) => ada.join(name).leaving(resolve));
  bob.leave(name);
  expect(await leaving).toEqual({ name: 'Bob' });
});
