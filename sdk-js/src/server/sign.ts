/** Signed requests: `Peal-HMAC-SHA256` (docs/protocol.md, section 7). Pure: the time is an argument. */
import { createHash, createHmac } from 'node:crypto';

export interface Signable {
  method: string;
  /** The path as it is sent. */
  path: string;
  /** The pairs as they are sent, percent-encoded: `limit=10`. */
  query?: readonly string[];
  body?: string;
}

export function authorization(request: Signable, key: string, secret: string, unixSeconds: number): string {
  const sig = createHmac('sha256', secret).update(stringToSign(request, unixSeconds)).digest('hex');
  return `Peal-HMAC-SHA256 key=${key}, ts=${unixSeconds}, sig=${sig}`;
}

export function stringToSign({ method, path, query = [], body = '' }: Signable, unixSeconds: number): string {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  return [method.toUpperCase(), path, [...query].sort().join('&'), bodyHash, unixSeconds].join('\n');
}
