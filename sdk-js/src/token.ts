/**
 * Where tokens come from and when the next one is fetched.
 *
 * One `getToken()` runs at a time, whoever asks. A token is renewed on the server's `expiring` push or 30 seconds before
 * its expiry by this machine's clock, whichever is first; that clock may be wrong, so an expiry that seems closer than
 * that right after a renewal is left to the server to announce. A renewal that fails is repeated with backoff until the
 * server closes the connection at the expiry.
 */
import { backoff } from './backoff.js';
import { misuse, PealError, tokenUnavailable } from './errors.js';
import type { GetToken } from './types.js';

const RENEW_BEFORE_MS = 30_000;
const FETCH_TIMEOUT_MS = 30_000;

export class Tokens {
  readonly #getToken: GetToken;
  readonly #refresh: (token: string) => Promise<number | undefined>;
  readonly #report: (error: PealError) => void;
  #token: string | undefined;
  #expires: number | undefined;
  #fetching: Promise<string> | undefined;
  #endFetch: (() => void) | undefined;
  #timer: Timer;
  /** Changes with every connection, so that a renewal begun on an earlier one stops. */
  #round = 0;
  #renewing = false;

  constructor(
    getToken: GetToken,
    refresh: (token: string) => Promise<number | undefined>,
    report: (error: PealError) => void,
  ) {
    this.#getToken = getToken;
    this.#refresh = refresh;
    this.#report = report;
  }

  /** The token for a new connection: the present one while it is good for a while. */
  async get(): Promise<string> {
    const expires = this.#expires ?? 0;
    return this.#token && Date.now() < expires - RENEW_BEFORE_MS ? this.#token : this.#fetch();
  }

  /** The server wants another token than the present one. */
  discard(): void {
    this.#token = undefined;
  }

  /** The server accepted the present token until `expires`. */
  accepted(expires: number | undefined): void {
    this.stop();
    this.#expires = expires;
    const left = (expires ?? 0) - Date.now() - RENEW_BEFORE_MS;
    if (left > 0) this.#timer = setTimeout(() => this.renew(), left);
  }

  /** Fetches a token and hands it to the server on the present connection. */
  async renew(failures = 0): Promise<void> {
    if (this.#renewing) return;
    this.stop();
    this.#renewing = true;
    const round = this.#round;
    try {
      const token = await this.#fetch();
      if (round !== this.#round) return;
      const expires = await this.#refresh(token);
      if (round === this.#round) this.accepted(expires);
    } catch (thrown) {
      if (round !== this.#round) return;
      this.stop();
      this.discard();
      this.#report(thrown as PealError);
      this.#timer = setTimeout(() => this.renew(failures + 1), 500 + backoff(failures));
    }
  }

  /** Ends the renewal of this connection; a fetch under way is kept for the next one. */
  stop(): void {
    this.#round++;
    this.#renewing = false;
    clearTimeout(this.#timer);
  }

  /** Ends everything. */
  end(): void {
    this.stop();
    this.#endFetch?.();
  }

  #fetch(): Promise<string> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<string> {
    let timer: Timer;
    try {
      const token = await new Promise<string>((resolve, reject) => {
        this.#endFetch = () => reject(new Error('closed'));
        timer = setTimeout(() => reject(new Error('no answer within 30 seconds')), FETCH_TIMEOUT_MS);
        Promise.resolve().then(this.#getToken).then(resolve, reject);
      });
      if (typeof token !== 'string' || !token) throw misuse('getToken must return the token as a string.');
      this.#token = token;
      // Until the server has said more, good enough for the attempts of the next 30 seconds.
      this.#expires = Date.now() + 2 * RENEW_BEFORE_MS;
      return token;
    } catch (thrown) {
      throw thrown instanceof PealError ? thrown : tokenUnavailable(thrown);
    } finally {
      clearTimeout(timer);
    }
  }
}

export type Timer = ReturnType<typeof setTimeout> | undefined;
