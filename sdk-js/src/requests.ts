/**
 * Requests and their answers, across connections.
 *
 * A request that finds no connection waits, in order and at most `max` of them. When the connection breaks, a repeatable
 * request (a publish, which carries a message id) goes back to the head of the queue and every other one that was sent is
 * rejected with a retryable error, because nobody can know whether it took effect.
 *
 * On a new connection the repeatable ones are sent one after the other, each after the answer to the one before: a burst would
 * run into the server's rate limit, and what is sent after a refused one would overtake it. They wait until no `subscribe` is open,
 * because a channel keeps only so many messages: our own must not push out those that a resume is about to ask for. A refusal that says when to try
 * again is obeyed. Publishes that are asked for meanwhile queue up behind them.
 */
import { encode, type Ok, requestFrame } from './codec.js';
import { type PealError, queueFull, unconfirmed } from './errors.js';
import type { Timer } from './token.js';

/** The server forgets message ids after two minutes; a repeat must arrive earlier. */
export const REPEAT_WITHIN_MS = 110_000;

type Resolve = (ok: Ok) => void;
type Reject = (error: PealError) => void;

interface Request {
  /** Written out when asked, so that what the caller changes afterwards changes nothing here. */
  readonly body: string;
  readonly operation: string;
  readonly repeatable: boolean;
  readonly resolve: Resolve;
  readonly reject: Reject;
  sentAt?: number;
}

export class Requests {
  /** Why no connection will come, if none will. */
  ended: PealError | undefined;
  #lastId = 0;
  #connected = false;
  readonly #max: number;
  readonly #write: (frame: string) => void;
  readonly #sent = new Map<number, Request>();
  #waiting: Request[] = [];
  /** Which of those that waited is on its way. */
  #draining: Request | undefined;
  #timer: Timer;

  constructor(max: number, write: (frame: string) => void) {
    this.#max = max;
    this.#write = write;
  }

  /**
   * Sends when connected, and waits otherwise. `resolve` runs before the next object of the same frame is looked at: what
   * follows a reply may depend on it.
   */
  call(operation: string, body: object, resolve: Resolve, reject: Reject, repeatable = false): void {
    const request: Request = { operation, body: encode(body), repeatable, resolve, reject };
    const queued = repeatable && (this.#waiting.length || this.#draining);
    if (this.ended) reject(this.ended);
    else if (this.#connected && !queued) this.#send(request);
    else if (this.#waiting.length < this.#max) this.#waiting.push(request);
    else reject(queueFull(this.#max));
  }

  /** Sends on the present socket whatever the state: the requests that make up a connection. */
  callNow(operation: string, body: object, resolve: Resolve, reject: Reject): void {
    this.#send({ operation, body: encode(body), repeatable: false, resolve, reject });
  }

  ask(operation: string, body: object, repeatable = false): Promise<Ok> {
    return new Promise((resolve, reject) => this.call(operation, body, resolve, reject, repeatable));
  }

  reply(id: number, ok: Ok | undefined, error: PealError | undefined): void {
    const request = this.#sent.get(id);
    this.#sent.delete(id);
    if (!request) return;
    const drained = request === this.#draining;
    if (drained) this.#draining = undefined;
    if (drained && error?.retryAfter !== undefined) {
      delete request.sentAt;
      this.#waiting.unshift(request);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#drain();
      }, error.retryAfter);
      return;
    }
    if (error) request.reject(error);
    else request.resolve(ok ?? {});
    this.#drain();
  }

  /** A connection has begun: what is asked from here on is sent, before what waits. */
  begin(): void {
    this.#connected = true;
  }

  /** Sends what waits. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((request) => request.repeatable);
    for (const request of waiting) if (!request.repeatable) this.#send(request);
    this.#drain();
  }

  /** Something that was sent made the server close, so what would be repeated is not. */
  giveUp(error: PealError): void {
    for (const [id, request] of [...this.#sent]) {
      if (!request.repeatable) continue;
      this.#sent.delete(id);
      request.reject(error);
    }
  }

  lost(error: PealError): void {
    this.#connected = false;
    this.#draining = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    this.#waiting.unshift(...sent.filter((request) => request.repeatable));
    for (const request of sent) if (!request.repeatable) request.reject(error);
  }

  /** No connection will come. */
  end(error: PealError): void {
    this.ended = error;
    this.lost(error);
    for (const request of this.#waiting.splice(0)) request.reject(error);
  }

  /** Sends the next one that waits, but not what may have been published so long ago that the server has forgotten its id. */
  #drain(): void {
    if (!this.#connected || this.#draining || this.#timer || this.#subscribing()) return;
    const request = this.#waiting.shift();
    if (request?.sentAt !== undefined && request.sentAt < performance.now() - REPEAT_WITHIN_MS) {
      request.reject(unconfirmed());
      this.#drain();
    } else if (request) {
      this.#draining = request;
      this.#send(request);
    }
  }

  #subscribing(): boolean {
    for (const { operation } of this.#sent.values()) if (operation === 'subscribe') return true;
    return false;
  }

  #send(request: Request): void {
    const id = ++this.#lastId;
    this.#sent.set(id, request);
    request.sentAt ??= performance.now();
    this.#write(requestFrame(id, request.operation, request.body));
  }
}
