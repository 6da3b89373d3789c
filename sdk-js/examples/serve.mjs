// What both examples need: a page, the client library, and the key from the environment.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createPeal } from '@peal/client/server';

export const url = process.env.PEAL_URL ?? 'http://127.0.0.1:7100';
const [key, secret] = (process.env.PEAL_KEY ?? '').split(':');
if (!key || !secret)
  throw new Error('Set PEAL_KEY to a key of your app, id:secret, from the Keys page of the dashboard.');

export const peal = createPeal({ url, key, secret });

/** Serves `page`, the library, and `routes`: `'GET /path': async (query, body) => text`. */
export function serve(page, port, routes) {
  const files = {
    '/': ['text/html', readFileSync(page, 'utf8').replaceAll('PEAL_URL', url)],
    '/peal.js': ['text/javascript', readFileSync(new URL('../dist/peal.js', import.meta.url))],
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const route = routes[`${request.method} ${pathname}`];
    try {
      const chunks = await request.toArray();
      const [type, body] = route
        ? ['text/plain', await route(searchParams, Buffer.concat(chunks).toString())]
        : (files[pathname] ?? ['text/plain', undefined]);
      response.writeHead(body === undefined ? 404 : 200, {
        'content-type': `${type}; charset=utf-8`,
        'cache-control': 'no-store',
      });
      response.end(body);
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(error.message);
    }
  });
  server.listen(port, '127.0.0.1', () => console.log(`Open http://127.0.0.1:${server.address().port}`));
}
