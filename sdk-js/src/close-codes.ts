/**
 * What a WebSocket close code tells the client to do next (docs/protocol.md, section 5). The bands suffice: a code that
 * is added to the server's table later needs no change here.
 */
export type CloseAction = 'stop' | 'backoff' | 'at_once' | 'fresh_token';

export function closeAction(code: number): CloseAction {
  const band = Math.floor(code / 100);
  return band === 40 ? 'stop' : band === 42 ? 'at_once' : band === 44 ? 'fresh_token' : 'backoff';
}
