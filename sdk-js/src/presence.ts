/**
 * Who is on one channel, and whether we are.
 *
 * `members` is a copy of the server's: a snapshot with every subscription, then its changes. What the application asked
 * for with `enter` is a wish that holds until `leave`: it is expressed again on every connection. The server collects
 * changes before it tells them; what it has accepted from us is in `members` at once, so that `enter` is seen by the next `get`.
 */
import { backoff } from './backoff.js';
import { memberOf, type Ok, type WireMember, type WirePresenceChange } from './codec.js';
import { Emitter } from './emitter.js';
import { type PealError, unsubscribed } from './errors.js';
import type { Requests } from './requests.js';
import type { Timer } from './token.js';
import type { Member, Presence, PresenceChange, Unsubscribe } from './types.js';

/** What presence needs of its channel. */
export interface PresenceHost {
  readonly name: string;
  readonly requests: Requests;
  /** Subscribes the channel, with presence, if that is not so yet, and calls `express` when requests can be sent. */
  attach(): void;
  /** True from when the subscription was asked for on this connection. */
  asked(): boolean;
  /** Whom the server knows this connection as, while there is one. */
  identity(): Pick<Member, 'clientId' | 'connection'> | undefined;
  error(error: PealError): void;
}

interface Waiter {
  resolve(): void;
  reject(error: PealError): void;
}

export class PresenceSet implements Presence {
  readonly members = new Map<string, Member>();
  count = 0;
  /** Somebody wants `members` to be in sync. */
  wanted = false;
  readonly #host: PresenceHost;
  readonly #events = new Emitter<{ change: PresenceChange }>();
  #synced = false;
  #awaitingSync: Waiter[] = [];
  #self: { data: unknown } | undefined;
  /** The wish has not been sent on this connection in its present form. */
  #unsent = false;
  #present = false;
  /** Ourselves, as the server accepted us on this connection. */
  #own: Member | undefined;
  #awaitingSelf: Waiter[] = [];
  #failures = 0;
  #timer: Timer;

  constructor(host: PresenceHost) {
    this.#host = host;
  }

  on(event: 'change', listener: (change: PresenceChange) => void): Unsubscribe {
    this.#want();
    return this.#events.on(event, listener);
  }

  async get(): Promise<ReadonlyMap<string, Member>> {
    this.#want();
    if (!this.#synced) await this.#wait(this.#awaitingSync);
    return this.members;
  }

  enter(data?: unknown): Promise<void> {
    this.#self = { data };
    this.#unsent = true;
    this.#want();
    return this.#wait(this.#awaitingSelf);
  }

  update(data?: unknown): Promise<void> {
    return this.enter(data);
  }

  async leave(): Promise<void> {
    const present = this.#present;
    this.#forget(unsubscribed());
    // Left by losing the connection is left, too.
    if (!present) return;
    const own = this.#host.identity();
    await this.#host.requests.ask('presence.leave', { channel: this.#host.name });
    const gone = own && !this.#own && this.members.get(own.connection);
    if (gone) this.#apply({ enter: [], update: [], leave: [gone], count: this.count - 1 });
  }

  /** Sends the wish if it has not been sent on this connection. */
  express(): void {
    if (!this.#self || !this.#unsent || !this.#host.asked()) return;
    clearTimeout(this.#timer);
    const self = this.#self;
    const waiters = this.#awaitingSelf.splice(0);
    const operation = this.#present ? 'presence.update' : 'presence.enter';
    this.#unsent = false;
    this.#present = true;
    const entered = ({ data }: Ok) => {
      this.#failures = 0;
      if (self === this.#self) this.#accepted(data);
      for (const waiter of waiters) waiter.resolve();
    };
    const refused = (error: PealError) => {
      if (self !== this.#self) return rejectAll(waiters, error);
      this.#awaitingSelf.unshift(...waiters);
      // The connection broke: `disconnected` has made the wish unsent again.
      if (this.#unsent) return;
      this.#present = false;
      if (!error.retryable) {
        if (!waiters.length) this.#host.error(error);
        return this.#forget(error);
      }
      if (!this.#failures) this.#host.error(error);
      this.#unsent = true;
      const wait = error.retryAfter ?? 500 + backoff(this.#failures);
      this.#failures++;
      this.#timer = setTimeout(() => this.express(), wait);
    };
    const body = { channel: this.#host.name, data: self.data };
    this.#host.requests.call(operation, body, entered, refused);
  }

  /** Called before the requests of the lost connection are settled. */
  disconnected(): void {
    clearTimeout(this.#timer);
    this.#synced = this.#present = false;
    this.#own = undefined;
    this.#unsent = !!this.#self;
  }

  /** The complete set. What differs from the members known so far is told as one change. */
  snapshot(members: WireMember[], count: number): void {
    const fresh = new Map(members.map((member) => [member.connection, memberOf(member)]));
    const own = this.#own;
    // A list that is cut off counts us already.
    if (own && !fresh.has(own.connection) && members.length === count) count++;
    if (own) fresh.set(own.connection, own);
    const news = [...fresh.values()].filter((member) => this.#isNews(member));
    const enter = news.filter(({ connection }) => !this.members.has(connection));
    const update = news.filter(({ connection }) => this.members.has(connection));
    const leave = [...this.members.values()].filter((member) => !fresh.has(member.connection));
    this.#synced = true;
    this.#apply({ enter, update, leave, count });
    for (const waiter of this.#awaitingSync.splice(0)) waiter.resolve();
  }

  change({ enter = [], update = [], leave = [], count }: WirePresenceChange): void {
    if (!this.#synced) return;
    const self = this.#host.identity()?.connection;
    const others = leave.filter(({ connection }) => connection !== self || this.members.has(connection));
    if (leave.some(({ connection }) => connection === self)) this.#own = undefined;
    this.#apply({
      enter: enter.map(memberOf).filter((member) => this.#isNews(member)),
      update: update.map(memberOf).filter((member) => this.#isNews(member)),
      leave: others.map((gone) => this.members.get(gone.connection) ?? memberOf(gone)),
      count,
    });
  }

  /** The server refuses to show members, or the channel as a whole. */
  failed(error: PealError): void {
    rejectAll(this.#awaitingSync.splice(0), error);
    this.#forget(error);
  }

  end(error: PealError): void {
    this.failed(error);
    this.#synced = this.wanted = false;
    this.#events.clear();
    this.members.clear();
    this.count = 0;
  }

  /** The last words of a client that closes: with them there is no grace period. */
  sayGoodbye(): void {
    if (this.#present) this.leave().catch(() => {});
  }

  /** The server has us; its other readers hear of it within moments. */
  #accepted(data: unknown): void {
    const identity = this.#host.identity();
    if (!identity) return;
    const own = { ...identity, ...(data !== undefined && { data }) };
    this.#own = own;
    if (!this.#synced || !this.#isNews(own)) return;
    const known = this.members.has(own.connection);
    this.#apply({
      enter: known ? [] : [own],
      update: known ? [own] : [],
      leave: [],
      count: this.count + (known ? 0 : 1),
    });
  }

  #isNews({ connection, data }: Member): boolean {
    const known = this.members.get(connection);
    return !known || JSON.stringify(known.data) !== JSON.stringify(data);
  }

  #apply(change: PresenceChange): void {
    for (const member of [...change.enter, ...change.update]) this.members.set(member.connection, member);
    for (const member of change.leave) this.members.delete(member.connection);
    this.count = change.count;
    if (change.enter.length + change.update.length + change.leave.length) this.#events.emit('change', change);
  }

  #want(): void {
    this.wanted = true;
    this.#host.attach();
  }

  #wait(waiters: Waiter[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const { ended } = this.#host.requests;
      if (ended) reject(ended);
      else waiters.push({ resolve, reject });
    });
  }

  #forget(error: PealError): void {
    clearTimeout(this.#timer);
    this.#self = this.#own = undefined;
    this.#unsent = this.#present = false;
    rejectAll(this.#awaitingSelf.splice(0), error);
  }
}

function rejectAll(waiters: Waiter[], error: PealError): void {
  for (const waiter of waiters) waiter.reject(error);
}
