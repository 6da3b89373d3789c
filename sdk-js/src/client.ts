/** The client as the application holds it: one connection and its channels by name. */
import { type ChannelHost, Subscription } from './channel.js';
import type { Frame } from './codec.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { misuse, type PealError } from './errors.js';
import type {
  Channel,
  ChannelOptions,
  ConnectionState,
  ConnectOptions,
  Peal,
  PealEvents,
  Unsubscribe,
} from './types.js';

/** Connects at once and stays connected until `close()`. Throws only when the options make no sense. */
export function connect(options: ConnectOptions): Peal {
  return new Client(options);
}

class Client implements Peal {
  readonly #events = new Emitter<PealEvents>();
  readonly #channels = new Map<string, Subscription>();
  readonly #connection: Connection;
  readonly #host: ChannelHost;

  constructor(options: ConnectOptions) {
    const { debug } = options;
    const error = (value: PealError) => {
      if (!this.#events.emit('error', value))
        console.error(`peal: ${value.name}: ${value.message} ${value.helpUrl ?? ''}`);
    };
    const each = (tell: (channel: Subscription) => void) => {
      for (const channel of [...this.#channels.values()]) tell(channel);
    };
    this.#connection = new Connection(options, {
      state: (state) => this.#events.emit('state', state),
      connected: () => each((channel) => channel.connected()),
      disconnected: () => each((channel) => channel.disconnected()),
      push: (frame) => this.#channels.get(channelOf(frame) ?? '')?.push(frame),
      error,
      ended: (reason) => {
        each((channel) => channel.ended(reason));
        if (!reason) this.#events.clear();
      },
      debug: debug === true ? (line) => console.debug(`peal ${line}`) : debug || undefined,
    });
    this.#host = {
      requests: this.#connection.requests,
      state: () => this.#connection.state,
      adopt: (channel) => this.#adopt(channel),
      release: (channel) => this.#channels.delete(channel.name),
      discontinuity: (gap) => this.#events.emit('discontinuity', gap),
      recovered: (recovery) => this.#events.emit('recovered', recovery),
      error,
    };
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  on<K extends keyof PealEvents>(event: K, listener: (value: PealEvents[K]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  channel<T extends object = Record<string, unknown>>(
    name: string,
    options: ChannelOptions = {},
  ): Channel<T> {
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = new Subscription(name, options, this.#host);
      this.#channels.set(name, channel);
    }
    // The event types exist for the compiler alone.
    return channel as unknown as Channel<T>;
  }

  reconnect(): void {
    this.#connection.reconnect();
  }

  close(): Promise<void> {
    return this.#connection.close(() => {
      for (const channel of this.#channels.values()) channel.presence.sayGoodbye();
    });
  }

  /** A channel that was unsubscribed may be used again, unless another object has taken its name meanwhile. */
  #adopt(channel: Subscription): void {
    const present = this.#channels.get(channel.name);
    if (present && present !== channel)
      throw misuse(`This object of channel ${channel.name} was unsubscribed. Call channel() again.`);
    this.#channels.set(channel.name, channel);
  }
}

function channelOf({ message, presence, discontinuity, unsubscribed }: Frame): string | undefined {
  return (message ?? presence ?? discontinuity ?? unsubscribed)?.channel;
}
