/** A server that goes away and comes back on the same address, having kept nothing. */
import { expect, it } from 'vitest';
import type { ConnectionState, Discontinuity } from '../../src/index.js';
import { channelName, freePorts, Running, until } from './peal.js';

it('is found again, and what it lost is announced', { timeout: 120_000 }, async () => {
  const ports = await freePorts(3);
  const first = await Running.start(ports);
  let second: Running | undefined;
  const name = channelName();
  const client = first.client();
  try {
    const states: ConnectionState[] = [];
    const gaps: Discontinuity[] = [];
    const seen: unknown[] = [];
    const room = client.channel(name);
    client.on('state', (state) => states.push(state));
    room.on('discontinuity', (gap) => gaps.push(gap));
    room.on('message', (message) => seen.push(message.data));
    await room.presence.enter();
    await first.server.publish(name, 'e', 'before');
    await until('the first message', () => seen.length === 1);
    const { position } = room;
    await first.stop(client);
    await until('the loss to be noticed', () => client.state.name !== 'connected');
    const queued = room.publish('e', 'while it was away', { echo: true });
    second = await Running.start(ports);
    await queued;
    await until('the message that waited', () => seen.length === 2, 60_000);
    expect(seen).toEqual(['before', 'while it was away']);
    expect(gaps).toEqual([
      { channel: name, reason: expect.any(String), from: position, to: expect.any(String) },
    ]);
    expect(['era', 'position']).toContain(gaps[0]?.reason);
    expect(states.map(({ name }) => name)).not.toContain('failed');
    await until('presence to be entered again', () => room.presence.members.size === 1);
  } finally {
    await client.close();
    await second?.stop();
  }
});
