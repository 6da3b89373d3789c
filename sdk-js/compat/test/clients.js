// The official libraries, pointed at the server under test.
import Pusher from 'pusher';
import PusherJs from 'pusher-js';
import { afterEach, inject } from 'vitest';

const open = new Set();
afterEach(() => {
  for (const client of open) client.disconnect();
  open.clear();
});

export function publisher(overrides = {}) {
  const { app, edge_url } = inject('server');
  const { hostname, port } = new URL(edge_url);
  return new Pusher({
    appId: app.id,
    key: app.key,
    secret: app.secret,
    host: hostname,
    port,
    useTLS: false,
    ...overrides,
  });
}

// Signs channels and users in this process, where a customer's server would.
export function subscriber({ user, key, ...options } = {}) {
  const { app, edge_url } = inject('server');
  const { hostname, port } = new URL(edge_url);
  const server = publisher();
  const client = new PusherJs(key ?? app.key, {
    cluster: 'any',
    wsHost: hostname,
    wsPort: Number(port),
    forceTLS: false,
    enabledTransports: ['ws'],
    disableStats: true,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        done(
          null,
          server.authorizeChannel(
            socketId,
            channelName,
            user && channelName.startsWith('presence-') ? user : undefined,
          ),
        ),
    },
    userAuthentication: {
      customHandler: ({ socketId }, done) =>
        done(null, server.authenticateUser(socketId, { id: user.user_id, ...user })),
    },
    ...options,
  });
  open.add(client);
  return client;
}

// The data of the next event of this name.
export const event = (emitter, name) => delivery(emitter, name).then(({ data }) => data);

// The same with what pusher-js tells beside it: the sender's `user_id` on presence channels.
export const delivery = (emitter, name) =>
  new Promise((resolve) => {
    const once = (data, metadata) => {
      emitter.unbind(name, once);
      resolve({ data, ...metadata });
    };
    emitter.bind(name, once);
  });

export async function subscribed(client, name) {
  const channel = client.subscribe(name);
  if (!channel.subscribed) {
    await Promise.race([
      event(channel, 'pusher:subscription_succeeded'),
      event(channel, 'pusher:subscription_error').then((error) => {
        throw new Error(`subscribing to ${name} failed: ${JSON.stringify(error)}`);
      }),
    ]);
  }
  return channel;
}

export const connected = (client) =>
  client.connection.state === 'connected' ? Promise.resolve() : event(client.connection, 'connected');

let count = 0;
export const unique = (prefix) => `${prefix}${process.pid}-${++count}`;
