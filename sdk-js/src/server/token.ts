/** Client tokens: JWTs signed with HS256 (docs/protocol.md, section 6). Pure: the time is an argument. */
import { createHmac } from 'node:crypto';

export type Operation = 'subscribe' | 'publish' | 'presence' | 'history' | '*';

export interface TokenOptions {
  /** Who the client is. Presence needs it; without it the client is anonymous. */
  clientId?: string;
  /** Channel patterns and what may be done there. Without it: subscribe to public channels, nothing else. */
  capabilities?: Record<string, readonly Operation[]>;
  /** Seconds until it expires, at most 86,400. Default 3,600. */
  ttl?: number;
  /** Makes it a channel token, good for this channel alone. */
  channel?: string;
  /** What presence shows of this client. Any JSON. */
  info?: unknown;
  /** The token's id, by which it can be revoked. */
  id?: string;
}

export function mintToken(options: TokenOptions, key: string, secret: string, unixSeconds: number): string {
  const { clientId, capabilities, ttl = 3_600, channel, info, id } = options;
  if (!(ttl > 0 && ttl <= 86_400))
    throw new RangeError(`ttl is in seconds, above 0 and at most 86,400: ${ttl}`);
  const claims = {
    iat: unixSeconds,
    exp: unixSeconds + Math.ceil(ttl),
    sub: clientId,
    jti: id,
    ch: channel,
    info,
    cap: capabilities,
  };
  const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: key })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
