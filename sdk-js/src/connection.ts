/**
 * One logical connection over many sockets: the state machine that `ConnectionState` describes.
 *
 *     connecting ──answered──> connected ──closed, silent──> waiting ──time, network back──> connecting
 *         └──refused, closed, timed out──> waiting                 any ──stop code──> failed    any ──close()──> closed
 *
 * Only the present socket has handlers, so nothing of an abandoned socket is ever heard. Each of connecting (deadline),
 * connected (liveness) and waiting (retry) needs one timer and shares the same slot; it is cleared on every change.
 * Knows nothing about channels: what was pushed and when a connection begins and ends is told to `Hooks`.
 */
import { backoff } from './backoff.js';
import { closeAction } from './close-codes.js';
import { decode, type Frame, type Ok } from './codec.js';
import { closed, connectionLost, misuse, PealError, silence, socketClosed } from './errors.js';
import { Requests } from './requests.js';
import { type Timer, Tokens } from './token.js';
import type { ConnectionState, ConnectOptions, WebSocketConstructor, WebSocketLike } from './types.js';
import { VERSION } from './version.js';
import { onWake } from './wake.js';

const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** How long the server takes to give up after its ping, and so how long an answer to ours may take. */
const PONG_TIMEOUT_MS = 10_000;
/** The same after a sign that the network changed. */
const WAKE_TIMEOUT_MS = 5_000;
/** A connection that lived this long was a success: what follows counts as the first failure. */
const STABLE_MS = 10_000;
/** Spread of clients that were all given the same hint. */
const HINT_JITTER_MS = 1_000;

export interface Hooks {
  state(state: ConnectionState): void;
  /** Connected; requests may be sent, and those that waited are sent after this returns. */
  connected(): void;
  disconnected(): void;
  push(frame: Frame): void;
  error(error: PealError): void;
  /** Failed or closed: no connection will come. `error` is undefined after `close()`. */
  ended(error: PealError | undefined): void;
  readonly debug: ((line: string) => void) | undefined;
}

export class Connection {
  state: ConnectionState = { name: 'connecting', attempt: 0 };
  readonly requests: Requests;
  readonly #hooks: Hooks;
  readonly #key: string | undefined;
  readonly #url: string;
  readonly #WebSocket: WebSocketConstructor;
  readonly #tokens: Tokens | undefined;
  readonly #unwake: () => void;
  #socket: WebSocketLike | undefined;
  #timer: Timer;
  #goawayTimer: Timer;
  /** Attempts since the last stable connection. */
  #attempts = 0;
  #connectedAt: number | undefined;
  #heardAt = 0;
  #framesHeard = 0;
  #pingMs = 0;
  /** The error of the last frame, if the last frame was one: the reason for a close that follows. */
  #refusal: PealError | undefined;
  /** When the server asked us to come back. */
  #returnAt: number | undefined;
  /** Waiting because the server named a time, which no event cuts short. */
  #hinted = false;

  constructor(options: ConnectOptions, hooks: Hooks) {
    const { getToken, key } = options;
    const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
    if (!WebSocket)
      throw misuse("No WebSocket here. Pass `WebSocket`, such as that of the npm package 'ws'.");
    if (!getToken === !key) throw misuse('Pass exactly one of getToken and key.');
    this.#url = socketUrl(options.url);
    this.#WebSocket = WebSocket;
    this.#key = key;
    this.#hooks = hooks;
    this.requests = new Requests(options.queueMax ?? 1_000, (frame) => this.#write(frame));
    if (getToken) {
      const refresh = async (token: string) => (await this.requests.ask('refresh', { token })).expires;
      this.#tokens = new Tokens(getToken, refresh, hooks.error);
    }
    this.#unwake = onWake((usable) => this.#wake(usable));
    this.#open();
  }

  reconnect(): void {
    const { name } = this.state;
    if (name !== 'waiting' && name !== 'failed') return;
    this.#attempts = 0;
    if (name === 'failed') this.#tokens?.discard();
    this.#open();
  }

  /** `lastWords` runs while requests can still be sent. */
  async close(lastWords: () => void): Promise<void> {
    if (this.state.name === 'closed') return;
    if (this.state.name === 'connected') lastWords();
    const socket = this.#abandon(closed(), 1000);
    this.#end({ name: 'closed' }, closed());
    this.#unwake();
    if (socket) await closeSocket(socket);
  }

  async #open(): Promise<void> {
    clearTimeout(this.#timer);
    this.requests.ended = undefined;
    const state: ConnectionState = { name: 'connecting', attempt: ++this.#attempts };
    this.#set(state);
    let socket: WebSocketLike;
    let credentials: { key: string } | { token: string };
    try {
      credentials = this.#tokens ? { token: await this.#tokens.get() } : { key: this.#key as string };
      if (this.state !== state) return;
      socket = this.#socket = new this.#WebSocket(this.#url);
    } catch (thrown) {
      if (this.state !== state) return;
      const error =
        thrown instanceof PealError ? thrown : misuse(`No WebSocket to ${this.#url}: ${thrown}`, thrown);
      if (!error.retryable) return this.#fail(error);
      this.#hooks.error(error);
      return this.#wait(backoff(this.#attempts), error);
    }
    this.#timer = setTimeout(() => this.#lost(silence()), CONNECT_TIMEOUT_MS);
    socket.onopen = () => this.#connect(credentials);
    socket.onmessage = (event: { data: unknown }) => this.#receive(socket, event.data);
    socket.onclose = (event: { code: number; reason: string }) => this.#closed(event.code, event.reason);
    socket.onerror = nothing;
  }

  #connect(credentials: { key: string } | { token: string }): void {
    const body = { ...credentials, client: `peal-js/${VERSION}`, version: 1 };
    // A refusal is followed by a close, whose code says what to do about it.
    this.requests.callNow('connect', body, (ok) => this.#connected(ok), nothing);
  }

  #connected({ connection = '', client_id, ping = 25_000, expires }: Ok): void {
    this.#connectedAt = performance.now();
    this.#pingMs = ping;
    this.#watch();
    this.#tokens?.accepted(expires);
    this.state = { name: 'connected', connection, clientId: client_id };
    this.requests.begin();
    this.#hooks.connected();
    this.requests.flush();
    this.#set(this.state);
  }

  #receive(socket: WebSocketLike, data: unknown): void {
    this.#heardAt = performance.now();
    this.#framesHeard++;
    if (typeof data !== 'string') return;
    this.#debug('<', data);
    for (const frame of decode(data, (line) => this.#debug('not JSON:', line))) {
      if (this.#socket !== socket) return;
      const error = frame.error && new PealError(frame.error);
      this.#refusal = frame.id === undefined || this.#connectedAt === undefined ? error : undefined;
      if (frame.id !== undefined) this.requests.reply(frame.id, frame.ok, error);
      else if (error) this.#hooks.error(error);
      else if (frame.expiring) this.#tokens?.renew();
      else if (frame.goaway) this.#goaway(frame.goaway.retry_in ?? 0);
      else this.#hooks.push(frame);
    }
  }

  /** The server is about to close and has told us our place in the queue of those who come back. */
  #goaway(retryIn: number): void {
    clearTimeout(this.#goawayTimer);
    this.#returnAt = performance.now() + retryIn;
    this.#goawayTimer = setTimeout(() => this.#lost(connectionLost()), retryIn);
  }

  #closed(code: number, reason: string): void {
    const action = closeAction(code);
    const repeats = action === 'repeats';
    const early = this.#connectedAt === undefined;
    const stop = action === 'stop' || (repeats && early);
    const error = this.#refusal ?? socketClosed(code, reason, !stop && !repeats, early);
    if (stop) {
      this.#abandon(error);
      this.#fail(error);
    } else {
      if (repeats) this.requests.giveUp(error);
      if (action === 'fresh_token') this.#tokens?.discard();
      this.#lost(error, action === 'at_once' || (action === 'fresh_token' && !!this.#tokens));
    }
  }

  /** The connection is gone; come back after the time the server named, else at once if it said so, else with backoff. */
  #lost(error: PealError, atOnce = false): void {
    const now = performance.now();
    if (this.#connectedAt !== undefined && now - this.#connectedAt >= STABLE_MS) this.#attempts = 0;
    const returnAt = this.#returnAt;
    this.#abandon(connectionLost(error));
    if (returnAt !== undefined) this.#wait(Math.max(0, returnAt - now), error, true);
    else if (error.retryAfter !== undefined)
      this.#wait(error.retryAfter + Math.random() * HINT_JITTER_MS, error, true);
    else this.#wait(atOnce && this.#attempts <= 1 ? 0 : backoff(this.#attempts), error);
  }

  #wait(retryIn: number, error: PealError, hinted = false): void {
    this.#hinted = hinted;
    this.#timer = setTimeout(() => this.#open(), retryIn);
    this.#set({ name: 'waiting', attempt: this.#attempts, retryIn, error });
  }

  #fail(error: PealError): void {
    this.#end({ name: 'failed', error }, error);
    this.#hooks.error(error);
  }

  #end(state: ConnectionState, error: PealError): void {
    clearTimeout(this.#timer);
    this.#tokens?.end();
    this.requests.end(error);
    this.#set(state);
    this.#hooks.ended(state.name === 'failed' ? error : undefined);
  }

  /** Lets go of the socket, if there is one, and of everything that belonged to it. */
  #abandon(error: PealError, code?: number): WebSocketLike | undefined {
    const socket = this.#socket;
    this.#socket = this.#connectedAt = this.#refusal = this.#returnAt = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#goawayTimer);
    this.#tokens?.stop();
    if (!socket) return undefined;
    // `onerror` stays: the `ws` package throws an error that nobody listens to.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    this.#hooks.disconnected();
    this.requests.lost(error);
    return socket;
  }

  /** Any frame is a sign of life. Browsers do not show WebSocket pings, so silence is broken by a ping of our own. */
  #watch(): void {
    clearTimeout(this.#timer);
    const left = this.#heardAt + this.#pingMs - performance.now();
    if (left > 0) this.#timer = setTimeout(() => this.#watch(), left);
    else this.#probe(PONG_TIMEOUT_MS);
  }

  #probe(patienceMs: number): void {
    clearTimeout(this.#timer);
    // Counted, because clocks are coarse: an answer may come within one tick of them.
    const before = this.#framesHeard;
    this.requests.callNow('ping', {}, nothing, nothing);
    const judge = () => (this.#framesHeard > before ? this.#watch() : this.#lost(silence()));
    this.#timer = setTimeout(judge, patienceMs);
  }

  /** The network changed or the page became visible: check the connection, or stop waiting for it. */
  #wake(usable: boolean): void {
    if (this.state.name === 'connected') this.#probe(WAKE_TIMEOUT_MS);
    else if (usable && this.state.name === 'waiting' && !this.#hinted) this.#open();
  }

  #write(frame: string): void {
    this.#debug('>', frame);
    try {
      this.#socket?.send(frame);
    } catch {
      // A socket that is closing refuses to send; its close event settles what was not answered.
    }
  }

  #set(state: ConnectionState): void {
    this.state = state;
    this.#hooks.state(state);
  }

  #debug(direction: string, text: string): void {
    this.#hooks.debug?.(`${direction} ${text.replace(/("token":")[^"]*/g, '$1…')}`);
  }
}

const nothing = (): void => {};

function socketUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol.replace(/^http/, 'ws')}//${parsed.host}${parsed.pathname.replace(/\/$/, '')}/v1/connect`;
  } catch (cause) {
    throw misuse(`Not a URL: ${url}`, cause);
  }
}

function closeSocket(socket: WebSocketLike): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    socket.onclose = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
