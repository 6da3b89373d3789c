/**
 * What a WebSocket close code tells the client to do next (docs/protocol.md, section 5). The bands suffice: a code that
 * is added to the server's table later needs no change here.
 */
export type CloseAction = 'stop' | 'backoff' | 'at_once' | 'fresh_token' | 'repeats';

/** Protocol error, bad text, policy, message too big: what this client sent is at fault, and would be again. */
const OWN_FAULT = [1002, 1007, 1008, 1009];

export function closeAction(code: number): CloseAction {
  if (OWN_FAULT.includes(code)) return 'repeats';
  const band = Math.floor(code / 100);
  return band === 40 ? 'stop' : band === 42 ? 'at_once' : band === 44 ? 'fresh_token' : 'backoff';
}
