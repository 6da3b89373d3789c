/**
 * `@peal/client/server`: what a server of yours does with a key. It holds the secret, so it never belongs into a browser.
 */
import { randomUUID } from 'node:crypto';
import { messagesOfPage, type WirePublication } from '../codec.js';
import { type ErrorFields, misuse, PealError } from '../errors.js';
import type { HistoryOptions, Message, Published } from '../types.js';
import { call, type HttpOptions } from './http.js';
import { mintToken, type TokenOptions } from './token.js';

export { type ErrorFields, PealError } from '../errors.js';
export type { HistoryOptions, Message, Published } from '../types.js';
export type { Operation, TokenOptions } from './token.js';

export interface ServerOptions extends HttpOptions {
  /** The app's id; only `revoke` needs it. */
  app?: string;
}

export interface PublishOptions {
  /** Makes the publish idempotent for two minutes. Generated when absent. */
  id?: string;
  /** A connection that does not get the message: the one on whose behalf it is published. */
  exclude?: string;
  ephemeral?: boolean;
}

export interface BatchMessage extends PublishOptions {
  event?: string;
  data: unknown;
}

/** What to revoke: the tokens of a client, one token, or all that were issued before a moment. */
export type Revocation = { clientId: string } | { tokenId: string } | { issuedBefore: Date };

export interface PealServer {
  /** A token for a client, without asking anybody: hand it out from an endpoint that knows who is asking. */
  mintToken(options: TokenOptions): string;
  /**
   * A token endpoint in the fetch style (`Request` to `Response`): `authorize` says who is asking and what they may do, or
   * nothing to refuse.
   */
  tokenEndpoint(
    authorize: (request: Request) => TokenOptions | undefined | Promise<TokenOptions | undefined>,
  ): (request: Request) => Promise<Response>;
  publish(channel: string, event: string, data: unknown, options?: PublishOptions): Promise<Published>;
  /**
   * Up to 100 messages to one channel in one request, in order. Rejects when one of them is refused: with that refusal, whose
   * `cause` is the list of all results by index, each a `Published` or a `PealError`.
   */
  publishBatch(channel: string, messages: readonly BatchMessage[]): Promise<Published[]>;
  history(channel: string, options?: HistoryOptions): Promise<{ messages: Message[]; more: boolean }>;
  /** Closes one connection. Its client is told not to come back unchanged. */
  disconnect(connection: string): Promise<void>;
  /** Takes effect within two seconds, on open connections too. */
  revoke(what: Revocation): Promise<void>;
}

export function createServer(options: ServerOptions): PealServer {
  const { key, secret } = options;
  if (!key || !secret) throw misuse('Pass url, key and secret.');
  const messagesPath = (channel: string) => `/v1/channels/${encodeURIComponent(channel)}/messages`;

  const mint = (token: TokenOptions) => mintToken(token, key, secret, Math.floor(Date.now() / 1_000));

  return {
    mintToken: mint,

    tokenEndpoint: (authorize) => async (request) => {
      const token = await authorize(request);
      const headers = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain' };
      return token
        ? new Response(mint(token), { headers })
        : new Response('Not signed in', { status: 401, headers });
    },

    publish: (channel, event, data, { id = randomUUID(), ...rest } = {}) =>
      call<Published>(options, {
        method: 'POST',
        path: messagesPath(channel),
        body: { event, data, id, ...rest },
      }),

    async publishBatch(channel, messages) {
      const body = messages.map((message) => ({ id: randomUUID(), ...message }));
      const path = messagesPath(channel);
      return call(options, { method: 'POST', path, body }, allPublished);
    },

    async history(channel, query = {}) {
      const page = await call<{ messages: WirePublication[]; more: boolean }>(options, {
        method: 'GET',
        path: messagesPath(channel),
        query: { ...query },
      });
      const newestFirst = query.direction !== 'forwards';
      return { messages: messagesOfPage(channel, page.messages, newestFirst), more: page.more };
    },

    async disconnect(connection) {
      const path = `/v1/connections/${encodeURIComponent(connection)}/disconnect`;
      await call(options, { method: 'POST', path, body: {} });
    },

    async revoke(what) {
      if (!options.app) throw misuse('revoke needs the app id: createServer({ app, … }).');
      const body =
        'clientId' in what
          ? { client_id: what.clientId }
          : 'tokenId' in what
            ? { token_id: what.tokenId }
            : { issued_before: Math.floor(what.issuedBefore.getTime() / 1_000) };
      await call(options, { method: 'POST', path: `/v1/apps/${options.app}/revocations`, body });
    },
  };
}

/** Repeating the whole batch is safe, because every message in it carries an id. */
function allPublished({ items }: { items: (Published | { error: ErrorFields })[] }): Published[] {
  const results = items.map((item) => ('error' in item ? new PealError(item.error) : item));
  const refused = items.find((item): item is { error: ErrorFields } => 'error' in item);
  if (refused) throw new PealError(refused.error, results);
  return results as Published[];
}
