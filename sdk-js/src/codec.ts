/**
 * Between frames and values (docs/protocol.md, sections 1 and 3). Knows the shapes on the wire, in their snake case;
 * nothing behind this file does.
 */
import { type ErrorFields, misuse } from './errors.js';
import type { Member, Message } from './types.js';

/** Anything the server sends: a reply has an `id`, a push does not. */
export interface Frame {
  id?: number;
  ok?: Ok;
  error?: ErrorFields;
  message?: WirePublication & { channel: string };
  presence?: WirePresenceChange;
  discontinuity?: { channel: string; reason: string; from?: string; to?: string };
  unsubscribed?: { channel: string; error?: ErrorFields };
  expiring?: { expires: number };
  goaway?: { retry_in?: number };
}

/** The union of all successful answers; each operation fills its own fields. */
export interface Ok {
  connection?: string;
  client_id?: string;
  ping?: number;
  expires?: number;
  id?: string;
  position?: string;
  recovered?: boolean;
  reason?: string;
  replay?: number;
  presence?: { members: WireMember[]; count: number };
  messages?: WirePublication[];
  more?: boolean;
  data?: unknown;
}

export interface WireMessage {
  event?: string;
  data?: unknown;
  encoding?: string;
  client_id?: string;
}

export interface WirePublication extends WireMessage {
  position?: string;
  id: string;
  ts: number;
  messages?: WireMessage[];
}

export interface WireMember {
  client_id: string;
  connection: string;
  data?: unknown;
}

export interface WirePresenceChange {
  channel: string;
  enter?: WireMember[];
  update?: WireMember[];
  leave?: WireMember[];
  count: number;
}

/** The objects of one WebSocket frame. What is not a JSON object is passed to `garbage` and skipped. */
export function decode(text: string, garbage: (line: string) => void): Frame[] {
  const frames: Frame[] = [];
  for (const line of text.split('\n')) {
    const value = parse(line);
    if (typeof value === 'object' && value) frames.push(value);
    else if (line) garbage(line);
  }
  return frames;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One request. `body` comes from `encode`. */
export function requestFrame(id: number, operation: string, body: string): string {
  return `{"id":${id},"${operation}":${body}}`;
}

export function encode(body: object): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw misuse(`This cannot be sent as JSON: ${cause}`, cause);
  }
}

/** One publication may carry several messages; they share its position, id and time. */
export function messagesOf(channel: string, publication: WirePublication): Message[] {
  const { id, ts, position } = publication;
  return (publication.messages ?? [publication]).map((wire) => {
    const clientId = wire.client_id ?? publication.client_id;
    return {
      channel,
      event: wire.event ?? 'message',
      ...dataOf(wire),
      id,
      ts,
      ...(position !== undefined && { position }),
      ...(clientId !== undefined && { clientId }),
    };
  });
}

/** Pages of history list publications; newest first means the messages within one, too. */
export function messagesOfPage(
  channel: string,
  publications: WirePublication[],
  newestFirst: boolean,
): Message[] {
  return publications.flatMap((publication) => {
    const messages = messagesOf(channel, publication);
    return newestFirst ? messages.reverse() : messages;
  });
}

export function memberOf({ client_id, connection, data }: WireMember): Member {
  return { clientId: client_id, connection, ...(data !== undefined && { data }) };
}

function dataOf({ data, encoding }: WireMessage): { data: unknown; raw?: string } {
  if (typeof data !== 'string' || (encoding !== 'text' && encoding !== 'base64')) return { data };
  try {
    return { data: encoding === 'text' ? JSON.parse(data) : bytes(data), raw: data };
  } catch {
    // A Pusher library publishes strings, most of them JSON; what is not JSON is shown as it is, as pusher-js does.
    return { data, raw: data };
  }
}

const bytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
