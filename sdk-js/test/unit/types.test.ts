/** What the compiler promises. Checked by `tsc`; nothing of this needs to run. */
import { expectTypeOf, it } from 'vitest';
import type { WebSocket as WsWebSocket } from 'ws';
import type {
  Channel,
  ConnectionState,
  Message,
  Peal,
  PealError,
  WebSocketConstructor,
} from '../../src/index.js';

interface Chat {
  said: { text: string };
  typing: boolean;
}

it('types events and their data', () => {
  type Room = Channel<Chat>;
  const use = async (room: Room, peal: Peal) => {
    room.on('said', (message) => expectTypeOf(message).toEqualTypeOf<Message<'said', { text: string }>>());
    room.on('discontinuity', (gap) => expectTypeOf(gap.reason).toBeString());
    room.on('message', (message) => {
      if (message.event === 'typing') expectTypeOf(message.data).toBeBoolean();
    });
    for await (const message of room.messages({ rewind: 50 })) {
      expectTypeOf(message.event).toEqualTypeOf<'said' | 'typing'>();
    }
    await room.publish('said', { text: 'hi' });
    // @ts-expect-error the data is of another event
    await room.publish('said', true);
    // @ts-expect-error no such event
    room.on('shouted', () => {});
    const any = peal.channel('a');
    any.on('whatever', (message) => expectTypeOf(message.data).toBeUnknown());
    await any.publish('whatever', 5);
  };
  expectTypeOf(use).toBeFunction();
});

it('types states as a union', () => {
  const read = (state: ConnectionState) => {
    if (state.name === 'failed') expectTypeOf(state.error).toEqualTypeOf<PealError>();
    // @ts-expect-error not in every state
    return state.error;
  };
  expectTypeOf(read).toBeFunction();
});

it('takes the WebSocket of the platform and of the ws package', () => {
  expectTypeOf<typeof WebSocket>().toExtend<WebSocketConstructor>();
  expectTypeOf<typeof WsWebSocket>().toExtend<WebSocketConstructor>();
});
