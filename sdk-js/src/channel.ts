/**
 * One channel: the wish to be subscribed, and how far that has come on the present connection.
 *
 * The wish outlives connections. On each one it is expressed by one `subscribe` with the last position seen, so that the
 * server replays what was missed or says that it cannot. Pushes count only between the reply to that request and the end of
 * the connection; `#round` tells replies to earlier requests apart.
 */
import { backoff } from './backoff.js';
import { type Frame, messagesOf, type Ok, type WirePublication } from './codec.js';
import { Emitter } from './emitter.js';
import { closed, connectionLost, PealError, tokenUnavailable, unsubscribed } from './errors.js';
import { backlog, history } from './history.js';
import { PresenceSet } from './presence.js';
import { MessageQueue } from './queue.js';
import type { Requests } from './requests.js';
import { Seen } from './seen.js';
import type { Timer } from './token.js';
import type {
  Channel,
  ChannelOptions,
  ConnectionState,
  Discontinuity,
  HistoryOptions,
  HistoryPage,
  Message,
  Published,
  PublishOptions,
  Recovered,
  Rewind,
  Unsubscribe,
} from './types.js';

/** What a channel needs of the client. */
export interface ChannelHost {
  readonly requests: Requests;
  state(): ConnectionState;
  /** From now on pushes for this channel come here. */
  adopt(channel: Subscription): void;
  release(channel: Subscription): void;
  discontinuity(gap: Discontinuity): void;
  recovered(recovery: Recovered): void;
  error(error: PealError): void;
}

interface Waiter {
  resolve(): void;
  reject(error: PealError): void;
}

type Events = Record<string, unknown>;
const RESERVED = new Set(['message', 'discontinuity', 'recovered']);

export class Subscription implements Channel<Events> {
  readonly name: string;
  readonly presence: PresenceSet;
  state: Channel['state'] = 'idle';
  position: string | undefined;
  readonly #host: ChannelHost;
  readonly #getToken: ChannelOptions['getToken'];
  #rewind: Rewind | undefined;
  readonly #events = new Emitter<Events>();
  readonly #queues = new Set<MessageQueue>();
  readonly #seen = new Seen();
  #waiters: Waiter[] = [];
  /** A subscribe has been sent on this connection, or its channel token is being fetched. */
  #asked = false;
  #askedPresence = false;
  #round = 0;
  #scheduled = false;
  #failures = 0;
  #timer: Timer;

  constructor(name: string, options: ChannelOptions, host: ChannelHost) {
    this.name = name;
    this.#host = host;
    this.#rewind = options.rewind;
    this.#getToken = options.getToken;
    this.presence = new PresenceSet({
      name,
      requests: host.requests,
      attach: () => this.#attach(),
      asked: () => this.#asked,
      identity: () => {
        const state = host.state();
        return state.name === 'connected' && state.clientId !== undefined
          ? { clientId: state.clientId, connection: state.connection }
          : undefined;
      },
      error: host.error,
    });
  }

  // Typed by `Channel`, whose overloads say what each event carries.
  on(event: string, listener: (value: never) => void): Unsubscribe {
    this.#attach();
    return this.#events.on(event, listener as (value: unknown) => void);
  }

  subscribe(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { ended } = this.#host.requests;
      if (ended) return reject(ended);
      this.#attach();
      if (this.state === 'subscribed') resolve();
      else this.#waiters.push({ resolve, reject });
    });
  }

  messages({ rewind }: { rewind?: Rewind } = {}): AsyncIterableIterator<Message> {
    const queue = new MessageQueue((ended) => this.#queues.delete(ended));
    this.#queues.add(queue);
    const { ended } = this.#host.requests;
    if (ended) queue.end(ended);
    else {
      const untouched = this.state === 'idle' || (!this.#asked && !this.position && !this.#rewind);
      if (rewind && untouched) this.#rewind = rewind;
      else if (rewind) queue.precede(backlog(this.#host.requests, this.name, rewind));
      this.#attach();
    }
    return queue;
  }

  async publish(event: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    const { id = newId(), echo, ephemeral, queue = !ephemeral } = options;
    if (!queue && this.#host.state().name !== 'connected')
      throw this.#host.requests.ended ?? connectionLost();
    const body = { channel: this.name, event, data: data ?? null, id, echo, ephemeral };
    const { position } = await this.#host.requests.ask('publish', body, queue);
    return { id, ...(position !== undefined && { position }) };
  }

  history(options: HistoryOptions = {}): Promise<HistoryPage<Events>> {
    return history(this.#host.requests, this.name, options);
  }

  async unsubscribe(): Promise<void> {
    if (this.state === 'idle') return;
    const asked = this.#asked;
    this.#detach();
    this.state = 'idle';
    this.position = this.#rewind = undefined;
    this.#seen.clear();
    this.#events.clear();
    this.#stop(unsubscribed());
    this.presence.end(unsubscribed());
    this.#host.release(this);
    if (!asked) return;
    try {
      await this.#host.requests.ask('unsubscribe', { channel: this.name });
    } catch (error) {
      // A lost connection holds no subscription.
      if (!(error as PealError).retryable) throw error;
    }
  }

  /** A connection has begun. */
  connected(): void {
    this.#express();
  }

  /** It has ended; the wish stays. */
  disconnected(): void {
    this.#detach();
    if (this.state === 'subscribed') this.state = 'subscribing';
  }

  /** The client is closed (`error` undefined) or failed. */
  ended(error: PealError | undefined): void {
    this.#detach();
    if (error) {
      this.presence.failed(error);
      this.#stop(error);
    } else {
      for (const queue of this.#queues) queue.end();
      this.#stop(closed());
      this.presence.end(closed());
      this.#events.clear();
    }
  }

  push({ message, presence, discontinuity, unsubscribed }: Frame): void {
    if (this.state !== 'subscribed') return;
    if (message) this.#deliver(message);
    else if (presence) this.presence.change(presence);
    else if (discontinuity) {
      this.position = discontinuity.to ?? this.position;
      this.#gap(discontinuity);
    } else if (unsubscribed) {
      this.#detach();
      this.state = 'subscribing';
      this.#refused(
        new PealError(
          unsubscribed.error ?? {
            code: 0,
            name: 'unsubscribed',
            message: 'The server ended it.',
            retryable: false,
          },
        ),
      );
    }
  }

  #attach(): void {
    if (this.#host.state().name === 'closed') return;
    if (this.state === 'idle' || this.state === 'failed') {
      this.#host.adopt(this);
      this.state = 'subscribing';
    }
    // Collected until the end of this turn, so that listeners, rewind and presence go into one request.
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#express();
    });
  }

  /** Brings the connection in line with the wish. */
  #express(): void {
    if (this.state === 'idle' || this.state === 'failed' || this.#host.state().name !== 'connected') return;
    const more = this.state === 'subscribed' && this.presence.wanted && !this.#askedPresence;
    if (!this.#asked || more) this.#ask();
    else this.presence.express();
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    const round = ++this.#round;
    this.#asked = true;
    this.#askedPresence = this.presence.wanted;
    const body: Record<string, unknown> = { channel: this.name };
    const from = this.position;
    if (this.#askedPresence) body.presence = true;
    if (this.state !== 'subscribed') {
      if (from !== undefined) body.position = from;
      else if (this.#rewind !== undefined) body.rewind = this.#rewind;
    }
    const refused = (error: PealError) => round === this.#round && this.#refused(error);
    try {
      if (this.#getToken) body.token = await this.#getToken(this.name);
    } catch (thrown) {
      return void refused(tokenUnavailable(thrown));
    }
    if (round !== this.#round) return;
    const answered = (ok: Ok) => round === this.#round && this.#answered(ok, from);
    this.#host.requests.call('subscribe', body, answered, refused);
    this.presence.express();
  }

  #answered(ok: Ok, from: string | undefined): void {
    const { name: channel } = this;
    const { position = from } = ok;
    this.#failures = 0;
    if (this.state !== 'subscribed') {
      this.state = 'subscribed';
      this.position = position;
      if (from !== undefined && position !== undefined) {
        if (ok.recovered) {
          const recovery = { channel, position, replay: ok.replay ?? 0 };
          this.#events.emit('recovered', recovery);
          this.#host.recovered(recovery);
        } else this.#gap({ channel, reason: ok.reason ?? 'unknown', from, to: position });
      }
    }
    if (ok.presence) this.presence.snapshot(ok.presence.members, ok.presence.count);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    // Presence may have been asked for meanwhile.
    this.#express();
  }

  #refused(error: PealError): void {
    if (error.retryable) {
      this.#asked = this.state === 'subscribed';
      this.#askedPresence = false;
      this.#timer = setTimeout(() => this.#express(), error.retryAfter ?? 500 + backoff(this.#failures++));
    } else if (this.state === 'subscribed') {
      // Only the members are refused; messages go on.
      this.presence.wanted = false;
      this.presence.failed(error);
    } else {
      this.#detach();
      this.state = 'failed';
      this.presence.failed(error);
      this.#stop(error);
    }
    this.#host.error(error);
  }

  #deliver(publication: WirePublication): void {
    const verdict = this.#seen.check(publication);
    if (verdict === 'same') return;
    this.position = publication.position ?? this.position;
    if (verdict === 'repeat') return;
    for (const message of messagesOf(this.name, publication)) {
      for (const queue of this.#queues) queue.push(message);
      this.#events.emit('message', message);
      if (!RESERVED.has(message.event)) this.#events.emit(message.event, message);
    }
  }

  #gap(gap: Discontinuity): void {
    this.#events.emit('discontinuity', gap);
    this.#host.discontinuity(gap);
  }

  /** Nothing of this connection counts any more. */
  #detach(): void {
    clearTimeout(this.#timer);
    this.#round++;
    this.#asked = this.#askedPresence = false;
    this.presence.disconnected();
  }

  /** Whoever waits is told; iterators end without an error if the application wanted the end. */
  #stop(error: PealError): void {
    const wanted = this.state === 'idle';
    for (const queue of this.#queues) queue.end(wanted ? undefined : error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
