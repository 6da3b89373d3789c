import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createServer, PealError, type ServerOptions } from '../../src/server/index.js';
import { authorization, stringToSign } from '../../src/server/sign.js';

const SECRET = 'not-a-real-secret';
const NOW = 1_800_000_000;

interface Seen {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
}

/** A server whose `fetch` gives these answers, one per attempt, the last one for ever. */
function rig(answers: (Response | Error)[], options: Partial<ServerOptions> = {}) {
  const seen: Seen[] = [];
  const answer = (url: string | URL | Request, init: RequestInit = {}) => {
    seen.push({
      url: String(url),
      method: init.method ?? '',
      headers: init.headers as Record<string, string>,
      body: init.body === undefined ? undefined : JSON.parse(String(init.body)),
    });
    const next = answers[Math.min(seen.length, answers.length) - 1];
    return next instanceof Error ? Promise.reject(next) : Promise.resolve((next as Response).clone());
  };
  const server = createServer({
    url: 'https://edge.test',
    key: 'k1',
    secret: SECRET,
    fetch: answer as typeof fetch,
    ...options,
  });
  return { server, seen };
}

const ok = (body: unknown) => Response.json(body);
const problem = (status: number, body: object, headers: HeadersInit = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });

const claimsOf = (token: string) => {
  const [header = '', claims = '', signature] = token.split('.');
  const expected = createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: read(header), claims: read(claims), genuine: signature === expected };
};

beforeEach(() => {
  vi.useFakeTimers({ now: NOW * 1_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('mintToken', () => {
  it('signs what the protocol page lists', () => {
    const { server } = rig([]);
    const token = server.mintToken({
      clientId: 'ada',
      capabilities: { 'room.*': ['subscribe', 'publish'] },
      ttl: 300,
      channel: 'room.42',
      info: { name: 'Ada' },
      id: 't1',
    });
    expect(claimsOf(token)).toEqual({
      header: { alg: 'HS256', typ: 'JWT', kid: 'k1' },
      claims: {
        iat: NOW,
        exp: NOW + 300,
        sub: 'ada',
        jti: 't1',
        ch: 'room.42',
        info: { name: 'Ada' },
        cap: { 'room.*': ['subscribe', 'publish'] },
      },
      genuine: true,
    });
  });

  it('leaves out what is not given and expires in an hour', () => {
    const { server } = rig([]);
    expect(claimsOf(server.mintToken({})).claims).toEqual({ iat: NOW, exp: NOW + 3_600 });
  });

  it.each([0, -1, 86_401, Number.NaN])('refuses a ttl of %s', (ttl) => {
    const { server } = rig([]);
    expect(() => server.mintToken({ ttl })).toThrow(RangeError);
  });

  it('is behind the token endpoint', async () => {
    const { server } = rig([]);
    const endpoint = server.tokenEndpoint(async (request) =>
      request.headers.get('cookie') ? { clientId: 'ada' } : undefined,
    );
    const granted = await endpoint(
      new Request('https://app.test/peal-token', { headers: { cookie: 'session=1' } }),
    );
    expect(claimsOf(await granted.text())).toMatchObject({ claims: { sub: 'ada' }, genuine: true });
    expect(granted.headers.get('cache-control')).toBe('no-store');
    expect((await endpoint(new Request('https://app.test/peal-token'))).status).toBe(401);
  });
});

describe('signing', () => {
  it('covers method, path, sorted query, body and time', () => {
    const request = {
      method: 'post',
      path: '/v1/channels/a%3Ab/messages',
      query: ['b=2', 'a=1'],
      body: '{}',
    };
    const text = stringToSign(request, NOW);
    expect(text.split('\n')).toEqual([
      'POST',
      '/v1/channels/a%3Ab/messages',
      'a=1&b=2',
      '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      String(NOW),
    ]);
    const sig = createHmac('sha256', SECRET).update(text).digest('hex');
    expect(authorization(request, 'k1', SECRET, NOW)).toBe(`Peal-HMAC-SHA256 key=k1, ts=${NOW}, sig=${sig}`);
  });

  it('signs the bytes and the path that are sent', async () => {
    const { server, seen } = rig([ok({ messages: [], more: false })], { url: 'https://edge.test/base/' });
    await server.history('a:b/c', { limit: 5, before: '7-1' });
    expect(seen[0]?.url).toBe('https://edge.test/base/v1/channels/a%3Ab%2Fc/messages?limit=5&before=7-1');
    expect(seen[0]?.headers.Authorization).toBe(
      authorization(
        { method: 'GET', path: '/base/v1/channels/a%3Ab%2Fc/messages', query: ['limit=5', 'before=7-1'] },
        'k1',
        SECRET,
        NOW,
      ),
    );
  });
});

describe('requests', () => {
  it('publish with an id of their own', async () => {
    const { server, seen } = rig([ok({ id: 'x', position: '7-1' })]);
    expect(await server.publish('room.42', 'said', { text: 'hi' }, { exclude: 'c1' })).toEqual({
      id: 'x',
      position: '7-1',
    });
    expect(seen).toMatchObject([
      {
        url: 'https://edge.test/v1/channels/room.42/messages',
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: {
          event: 'said',
          data: { text: 'hi' },
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          exclude: 'c1',
        },
      },
    ]);
  });

  it('publish batches, each message with an id', async () => {
    const { server, seen } = rig([ok({ items: [{ id: 'mine' }, { id: 'y' }] })]);
    const published = await server.publishBatch('a', [
      { data: 1, id: 'mine' },
      { event: 'e', data: 2 },
    ]);
    expect(published).toEqual([{ id: 'mine' }, { id: 'y' }]);
    expect(seen[0]?.body).toEqual([
      { data: 1, id: 'mine' },
      { event: 'e', data: 2, id: expect.any(String) },
    ]);
  });

  it('say which message of a batch was refused, after repeating what may succeed', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const refused = (name: string, retryable: boolean) => ({
      error: { code: 1, name, message: 'No.', retryable },
    });
    const { server, seen } = rig([
      ok({ items: [{ id: 'x' }, refused('rate_limited', true)] }),
      ok({ items: [{ id: 'x' }, refused('not_authorised', false)] }),
    ]);
    const publishing = server.publishBatch('a', [{ data: 1 }, { data: 2 }]);
    const expectation = expect(publishing).rejects.toMatchObject({
      name: 'not_authorised',
      cause: [{ id: 'x' }, expect.any(PealError)],
    });
    await vi.advanceTimersByTimeAsync(1);
    await expectation;
    expect(seen).toHaveLength(2);
    expect(seen[1]?.body).toEqual(seen[0]?.body);
  });

  it('read history as the client does', async () => {
    const messages = [{ position: '7-1', id: 'i', ts: 1, event: 'e', data: '5', encoding: 'text' }];
    const { server } = rig([ok({ messages, more: true })]);
    expect(await server.history('a')).toEqual({
      messages: [{ channel: 'a', position: '7-1', id: 'i', ts: 1, event: 'e', data: 5, raw: '5' }],
      more: true,
    });
  });

  it('disconnect and revoke', async () => {
    const { server, seen } = rig([new Response(null, { status: 204 })], { app: '123456789' });
    await server.disconnect('AAE/x');
    await server.revoke({ clientId: 'ada' });
    await server.revoke({ tokenId: 't1' });
    await server.revoke({ issuedBefore: new Date(NOW * 1_000) });
    expect(seen.map(({ url, body }) => [url.slice('https://edge.test'.length), body])).toEqual([
      ['/v1/connections/AAE%2Fx/disconnect', {}],
      ['/v1/apps/123456789/revocations', { client_id: 'ada' }],
      ['/v1/apps/123456789/revocations', { token_id: 't1' }],
      ['/v1/apps/123456789/revocations', { issued_before: NOW }],
    ]);
    await expect(rig([]).server.revoke({ clientId: 'ada' })).rejects.toMatchObject({ name: 'misuse' });
  });

  it('need a key and a secret', () => {
    expect(() => createServer({ url: 'https://edge.test', key: 'k', secret: '' })).toThrow(PealError);
  });
});

describe('repeating', () => {
  it('a publish keeps its id and is signed anew', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { server, seen } = rig([
      new TypeError('fetch failed'),
      problem(503, { code: 50300, name: 'unavailable', detail: 'Not now.', retry_after: 5_000 }),
      ok({ id: 'x', position: '7-1' }),
    ]);
    const publishing = server.publish('a', 'e', 1);
    await vi.advanceTimersByTimeAsync(500);
    expect(seen).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(seen).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    await publishing;
    const ids = new Set(seen.map(({ body }) => (body as { id: string }).id));
    expect(ids.size).toBe(1);
    expect(seen[2]?.headers.Authorization).toContain(`ts=${NOW + 5}`);
  });

  it('ends after three, with the last error', async () => {
    const { server, seen } = rig([
      problem(429, { code: 42900, name: 'rate_limited', limit: 10, current: 11 }, { 'Retry-After': '1' }),
    ]);
    const publishing = server.publish('a', 'e', 1);
    const expectation = expect(publishing).rejects.toMatchObject({
      name: 'rate_limited',
      retryAfter: 1_000,
      limit: 10,
      current: 11,
    });
    await vi.advanceTimersByTimeAsync(10_000);
    await expectation;
    expect(seen).toHaveLength(4);
  });

  it('names the server that cannot be reached', async () => {
    const refused = new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    const broken = new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } });
    const silent = new DOMException('aborted', 'TimeoutError');
    for (const [cause, name, message] of [
      [refused, 'unreachable', 'https://edge.test could not be reached (ECONNREFUSED)'],
      [silent, 'unreachable', 'https://edge.test did not answer within 10000 ms'],
      [broken, 'connection_lost', 'broke before the answer'],
    ] as const) {
      const { server } = rig([cause], { retries: 0 });
      await expect(server.publish('a', 'e', 1)).rejects.toMatchObject({
        name,
        message: expect.stringContaining(message),
        retryable: true,
      });
    }
  });

  it('does not happen after a refusal for good', async () => {
    const { server, seen } = rig([
      problem(403, {
        code: 40300,
        name: 'not_authorised',
        title: 'Not authorised',
        detail: 'No publish on a.',
        retryable: false,
        help_url: 'https://peal.test/e',
      }),
    ]);
    await expect(server.publish('a', 'e', 1)).rejects.toMatchObject({
      code: 40300,
      name: 'not_authorised',
      message: 'No publish on a.',
      retryable: false,
      helpUrl: 'https://peal.test/e',
    });
    expect(seen).toHaveLength(1);
  });

  it('understands a load balancer that answers in HTML', async () => {
    const { server } = rig([new Response('<h1>Bad gateway</h1>', { status: 502 })], { retries: 0 });
    await expect(server.publish('a', 'e', 1)).rejects.toMatchObject({
      code: 502,
      name: 'http_error',
      retryable: true,
    });
    const gone = rig([new Response('', { status: 404 })], { retries: 0 });
    await expect(gone.server.publish('a', 'e', 1)).rejects.toMatchObject({ code: 404, retryable: false });
  });
});
