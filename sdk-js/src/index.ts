/** `@peal/client`: connect, subscribe, publish, presence, history. The README shows each in a few lines. */
export { connect } from './client.js';
export { type ErrorFields, PealError } from './errors.js';
export type * from './types.js';
