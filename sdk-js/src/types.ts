/**
 * The public vocabulary of the client, in one place: what an application sees and nothing of how it works.
 *
 * The nouns are those of the server (docs/protocol.md): channel, event, message, position, presence member.
 */
import type { PealError } from './errors.js';

/** Stops whatever was started by the call that returned it. Calling it twice does nothing. */
export type Unsubscribe = () => void;

/**
 * Where a connection stands. Exactly one state holds at any time:
 *
 * - `connecting`: a token is being fetched, the socket is opening, or the server has not answered yet.
 * - `connected`: requests are answered and messages arrive.
 * - `waiting`: the last attempt or connection ended with `error`; the next attempt is `retryIn` ms after this state began,
 *   or earlier when the network comes back or the page becomes visible.
 * - `failed`: the server said that reconnecting unchanged is pointless. Nothing more happens until `reconnect()`.
 * - `closed`: `close()` was called. Final.
 */
export type ConnectionState =
  | { readonly name: 'connecting'; readonly attempt: number }
  | { readonly name: 'connected'; readonly connection: string; readonly clientId: string | undefined }
  | {
      readonly name: 'waiting';
      readonly attempt: number;
      readonly retryIn: number;
      readonly error: PealError;
    }
  | { readonly name: 'failed'; readonly error: PealError }
  | { readonly name: 'closed' };

/** What the client needs of a WebSocket: the browser's, Node 22's, or the `WebSocket` of the npm package `ws`. */
export interface WebSocketLike {
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** Returns a client token, or a promise of one. Throw a `PealError` with `retryable: false` to give up for good. */
export type GetToken = () => string | Promise<string>;

export interface ConnectOptions {
  /** The edge, such as `https://edge.example.com`. The path `/v1/connect` is added. */
  url: string;
  /** Fetches a client token from your server. Called at the start, before every expiry and after a refusal. */
  getToken?: GetToken;
  /** A public key id instead of a token, where the app allows anonymous clients. */
  key?: string;
  /** A WebSocket implementation where the platform has none (Node before 22: the default export of `ws`). */
  WebSocket?: WebSocketConstructor;
  /** How many requests may wait for a connection before further ones are refused with `queue_full`. Default 1,000. */
  queueMax?: number;
  /** `true` writes every frame to the console; a function receives the lines. Tokens are left out. */
  debug?: boolean | ((line: string) => void);
}

/** One message as the application sees it. */
export interface Message<E extends string = string, D = unknown> {
  readonly channel: string;
  readonly event: E;
  /** The published JSON; a `Uint8Array` when it was published as binary. */
  readonly data: D;
  /** The unparsed string of a message published by a Pusher library, or the base64 of a binary one. */
  readonly raw?: string;
  readonly id: string;
  /** When the server accepted it, in Unix milliseconds. */
  readonly ts: number;
  /** Absent on an ephemeral message, which is not kept. */
  readonly position?: string;
  readonly clientId?: string;
}

/** The messages of a channel whose events are `T`, as a union that narrows on `event`. */
export type MessageOf<T> = { [E in keyof T & string]: Message<E, T[E]> }[keyof T & string];

/** Messages after `from` up to and including `to` will not arrive. Fetch your state afresh, then go on. */
export interface Discontinuity {
  readonly channel: string;
  /** `retention`, `era`, `position` or `overload`: see docs/protocol.md, section 2. */
  readonly reason: string;
  readonly from?: string;
  readonly to?: string;
}

/** Everything that was published while the client was away has been replayed, or is about to be. */
export interface Recovered {
  readonly channel: string;
  readonly position: string;
  readonly replay: number;
}

/** A number of messages (1 to 1,000) or a duration such as `'30s'`, `'2m'` or `'1h'`. */
export type Rewind = number | string;

export interface ChannelOptions {
  /** What to replay when the channel is subscribed for the first time. */
  rewind?: Rewind;
  /** Fetches a channel token, for a channel that the connection's own token does not cover. */
  getToken?: (channel: string) => string | Promise<string>;
}

export interface PublishOptions {
  /**
   * Makes the publish idempotent for two minutes. Generated when absent, so that a repeat after a reconnect is safe. Give
   * your own to repeat a publish yourself after a retryable error.
   */
  id?: string;
  /** Deliver the message to this connection too. Default false. */
  echo?: boolean;
  /** Deliver in order but do not keep. Default false. */
  ephemeral?: boolean;
  /**
   * Wait for a connection when there is none, and repeat when it breaks before the answer. Without it the publish is
   * refused with `connection_lost` instead. What waited is sent no faster than the server allows, in order. Default true,
   * but false for ephemeral messages, which are stale by then.
   */
  queue?: boolean;
}

export interface Published {
  readonly id: string;
  /** Absent for an ephemeral message. */
  readonly position?: string;
}

export interface HistoryOptions {
  /** Publications per page, 1 to 1,000. Default 100. */
  limit?: number;
  before?: string;
  after?: string;
  /** `backwards` is newest first, and the default. */
  direction?: 'backwards' | 'forwards';
}

/** One page of history. Iterating it (`for await`) walks this page and then all the following ones. */
export interface HistoryPage<T> extends AsyncIterable<MessageOf<T>> {
  readonly messages: readonly MessageOf<T>[];
  readonly more: boolean;
  /** The following page, or undefined when this is the last. */
  next(): Promise<HistoryPage<T> | undefined>;
}

export interface Member {
  readonly clientId: string;
  readonly connection: string;
  readonly data?: unknown;
}

export interface PresenceChange {
  readonly enter: readonly Member[];
  readonly update: readonly Member[];
  readonly leave: readonly Member[];
  readonly count: number;
}

export interface Presence {
  /**
   * Who is here, by connection: one person with two tabs is two entries with the same `clientId`. Kept in sync from the
   * first `enter`, `get` or `on('change')` on; before that it is empty.
   */
  readonly members: ReadonlyMap<string, Member>;
  readonly count: number;
  /** Starts to keep `members` in sync and resolves with it once it is complete. */
  get(): Promise<ReadonlyMap<string, Member>>;
  /** Enters, or updates when present already; once it resolves, `members` shows it. Entered again by itself after every reconnect. */
  enter(data?: unknown): Promise<void>;
  update(data?: unknown): Promise<void>;
  leave(): Promise<void>;
  on(event: 'change', listener: (change: PresenceChange) => void): Unsubscribe;
}

/**
 * One channel. `T` maps event names to the type of their data: `peal.channel<{ said: { text: string } }>('room:42')`.
 *
 * The first listener, iterator or presence call subscribes. `message`, `discontinuity` and `recovered` are reserved
 * names of `on`; an event that is published under one of them is seen by `on('message')`, which gets every message.
 */
export interface Channel<T extends object = Record<string, unknown>> {
  readonly name: string;
  readonly state: 'idle' | 'subscribing' | 'subscribed' | 'failed';
  /** The last position seen. */
  readonly position: string | undefined;
  readonly presence: Presence;
  on(event: 'message', listener: (message: MessageOf<T>) => void): Unsubscribe;
  on(event: 'discontinuity', listener: (gap: Discontinuity) => void): Unsubscribe;
  on(event: 'recovered', listener: (recovery: Recovered) => void): Unsubscribe;
  on<E extends keyof T & string>(event: E, listener: (message: Message<E, T[E]>) => void): Unsubscribe;
  /** Resolves once subscribed, rejects when the server refuses for good. `on` and `messages` subscribe without it. */
  subscribe(): Promise<void>;
  /**
   * Every message from here on, with up to `rewind` earlier ones before them; a gap is told by `on('discontinuity')`. Ends when the channel is unsubscribed or
   * the client closed; throws when the subscription is refused, or when 10,000 messages wait for a slow reader.
   */
  messages(options?: { rewind?: Rewind }): AsyncIterableIterator<MessageOf<T>>;
  /** Resolves when the server has accepted the message. */
  publish<E extends keyof T & string>(event: E, data: T[E], options?: PublishOptions): Promise<Published>;
  history(options?: HistoryOptions): Promise<HistoryPage<T>>;
  /** Ends the subscription: listeners are removed, iterators end, presence is left, the position is forgotten. */
  unsubscribe(): Promise<void>;
}

export interface PealEvents {
  state: ConnectionState;
  /** What nobody is waiting for: a refused subscription, a token that cannot be renewed, an error pushed by the server. */
  error: PealError;
  discontinuity: Discontinuity;
  recovered: Recovered;
}

export interface Peal {
  readonly state: ConnectionState;
  /** Errors are written to the console while nobody listens to `error`. */
  on<K extends keyof PealEvents>(event: K, listener: (value: PealEvents[K]) => void): Unsubscribe;
  channel<T extends object = Record<string, unknown>>(name: string, options?: ChannelOptions): Channel<T>;
  /** Tries again at once, from `waiting` or `failed`. */
  reconnect(): void;
  /** Leaves presence everywhere, closes the socket and ends every timer. Resolves when the socket is closed. */
  close(): Promise<void>;
}
