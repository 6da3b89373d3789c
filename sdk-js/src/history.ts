/** Kept messages of one channel, page by page (docs/protocol.md, history). */
import { messagesOfPage } from './codec.js';
import { misuse } from './errors.js';
import type { Requests } from './requests.js';
import type { HistoryOptions, HistoryPage, Message, Rewind } from './types.js';

type Page = HistoryPage<Record<string, unknown>>;

export async function history(requests: Requests, channel: string, options: HistoryOptions): Promise<Page> {
  const forwards = options.direction === 'forwards';
  const { messages: publications = [], more = false } = await requests.ask('history', {
    channel,
    ...options,
  });
  const messages = messagesOfPage(channel, publications, !forwards);
  const last = publications.at(-1)?.position;
  const next = async () =>
    more && last
      ? history(requests, channel, { ...options, [forwards ? 'after' : 'before']: last })
      : undefined;
  return {
    messages,
    more,
    next,
    async *[Symbol.asyncIterator]() {
      yield* messages;
      const following = await next();
      if (following) yield* following;
    },
  };
}

/** What a rewind would have replayed, for a channel that is subscribed already; at most 1,000 publications. */
export async function backlog(requests: Requests, channel: string, rewind: Rewind): Promise<Message[]> {
  const count = typeof rewind === 'number';
  const since = count ? 0 : Date.now() - durationMs(rewind);
  const page = await history(requests, channel, { limit: count ? rewind : 1_000 });
  return page.messages.filter((message) => message.ts >= since).reverse();
}

function durationMs(text: string): number {
  const [, count, unit] = /^(\d+)([smh])$/.exec(text) ?? [];
  if (!count) throw misuse(`Not a duration: ${text}. Write 30s, 2m or 1h.`);
  return Number(count) * (unit === 's' ? 1_000 : unit === 'm' ? 60_000 : 3_600_000);
}
