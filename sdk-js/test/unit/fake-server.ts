/**
 * A scripted server behind an in-memory WebSocket, for tests with virtual time. Frames travel in microtasks, so that no
 * timer but the client's own exists. By default it behaves like the real thing on a good day; a test changes what it needs.
 */
import type { WebSocketConstructor, WebSocketLike } from '../../src/types.js';

type Body = Record<string, unknown>;
export interface Received {
  readonly socket: FakeSocket;
  readonly id: number;
  readonly operation: string;
  readonly body: Body;
}
/** What to answer: fields of `ok`, an error, or nothing at all. */
export type Answer = { ok: Body } | { error: Body } | undefined;

interface Kept {
  position: string;
  id: string;
  ts: number;
  event: string;
  data: unknown;
}

export const refusal = (code: number, name: string, more: Body = {}): Body => ({
  code,
  name,
  message: `${name}.`,
  retryable: false,
  help_url: `https://peal.test/docs/errors.md#${name}`,
  ...more,
});

export class FakeSocket implements WebSocketLike {
  onopen: unknown = null;
  onmessage: unknown = null;
  onclose: unknown = null;
  onerror: unknown = null;
  state: 'connecting' | 'open' | 'closed' = 'connecting';
  closedWith: number | undefined;
  readonly subscribed = new Set<string>();

  constructor(
    readonly url: string,
    readonly server: FakeServer,
  ) {
    server.sockets.push(this);
    if (server.dark) return;
    queueMicrotask(() => (server.refusing ? this.drop(1006) : this.open()));
  }

  send(data: string): void {
    if (this.state !== 'open') throw new Error('InvalidStateError');
    if (!this.server.dark) queueMicrotask(() => this.server.receive(this, data));
  }

  close(code?: number): void {
    if (this.state === 'closed') return;
    this.closedWith = code ?? 1005;
    queueMicrotask(() => this.drop(this.closedWith ?? 1005));
  }

  open(): void {
    if (this.state !== 'connecting') return;
    this.state = 'open';
    this.#fire(this.onopen, {});
  }

  /** The connection ends, as seen by the client. */
  drop(code = 1006, reason = ''): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#fire(this.onclose, { code, reason });
  }

  /** One WebSocket frame with these objects. */
  push(...objects: unknown[]): void {
    this.raw(objects.map((object) => JSON.stringify(object)).join('\n'));
  }

  raw(data: unknown): void {
    if (this.state === 'open') this.#fire(this.onmessage, { data });
  }

  #fire(handler: unknown, event: unknown): void {
    if (typeof handler === 'function') handler(event);
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly received: Received[] = [];
  readonly kept = new Map<string, Kept[]>();
  /** Sockets fail to open. */
  refusing = false;
  /** Nothing is ever heard from the server. */
  dark = false;
  ping = 25_000;
  expires: number | undefined;
  clientId: string | undefined = 'ada';
  /** Replaces the answer to an operation. */
  on: Record<string, (received: Received) => Answer> = {};
  #seq = 0;

  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url, server);
      }
    };
  }

  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (!last) throw new Error('the client has not opened a socket');
    return last;
  }

  requests(operation: string): Body[] {
    return this.received.filter((request) => request.operation === operation).map(({ body }) => body);
  }

  receive(socket: FakeSocket, data: string): void {
    if (socket.state !== 'open') return;
    const { id, ...rest } = JSON.parse(data) as { id: number } & Record<string, Body>;
    const [operation = '', body = {}] = Object.entries(rest)[0] ?? [];
    const received = { socket, id, operation, body };
    this.received.push(received);
    const scripted = this.on[operation];
    if (scripted) {
      const answer = scripted(received);
      if (answer) socket.push({ id, ...answer });
    } else socket.push(...this.#answer(received));
  }

  /** A message reaches the channel; subscribers on the present socket get it. */
  publish(channel: string, data: unknown, more: Partial<Kept> = {}): Kept {
    const kept = this.keep(channel, data, more);
    if (this.socket.subscribed.has(channel)) this.socket.push({ message: { channel, ...kept } });
    return kept;
  }

  /** A message reaches the channel and is kept; nobody is told. */
  keep(channel: string, data: unknown, more: Partial<Kept> = {}): Kept {
    const seq = ++this.#seq;
    const kept = { position: `7-${seq}`, id: `m${seq}`, ts: 1_000 + seq, event: 'said', data, ...more };
    this.kept.set(channel, [...(this.kept.get(channel) ?? []), kept]);
    return kept;
  }

  #answer({ socket, id, operation, body }: Received): object[] {
    const channel = String(body.channel);
    const kept = this.kept.get(channel) ?? [];
    const head = kept.at(-1)?.position ?? '7-0';
    switch (operation) {
      case 'connect': {
        const expires = this.expires;
        return [
          {
            id,
            ok: { connection: `c${this.sockets.length}`, client_id: this.clientId, ping: this.ping, expires },
          },
        ];
      }
      case 'subscribe': {
        const presence = body.presence ? { presence: { members: [], count: 0 } } : {};
        if (socket.subscribed.has(channel)) return [{ id, ok: { position: head, ...presence } }];
        socket.subscribed.add(channel);
        const at = kept.findIndex((message) => message.position === body.position);
        const resumed = body.position !== undefined && (at >= 0 || body.position === '7-0');
        const count = resumed ? kept.length - at - 1 : typeof body.rewind === 'number' ? body.rewind : 0;
        const replay = count ? kept.slice(-count) : [];
        const start = kept.at(-1 - count)?.position ?? '7-0';
        const lost = body.position !== undefined && !resumed;
        const ok = {
          position: start,
          recovered: resumed,
          replay: replay.length,
          ...(lost && { reason: 'retention' }),
          ...presence,
        };
        return [{ id, ok }, ...replay.map((message) => ({ message: { channel, ...message } }))];
      }
      case 'unsubscribe':
        socket.subscribed.delete(channel);
        return [{ id, ok: {} }];
      case 'publish': {
        const known = kept.find((message) => message.id === body.id);
        const message =
          known ?? this.keep(channel, body.data, { id: String(body.id), event: String(body.event) });
        return [{ id, ok: { id: message.id, position: message.position } }];
      }
      case 'history': {
        const newest = [...kept].reverse();
        const from = body.before ? newest.findIndex((message) => message.position === body.before) + 1 : 0;
        const limit = Number(body.limit ?? 100);
        const messages = newest.slice(from, from + limit);
        return [{ id, ok: { messages, more: newest.length > from + limit } }];
      }
      case 'refresh':
        return [{ id, ok: { expires: this.expires } }];
      default:
        return [{ id, ok: {} }];
    }
  }
}
