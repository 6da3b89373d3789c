/** In place of `@peal/client` where a test is not about the connection: it never gets anywhere and opens no socket. */
const channel = {
  on: () => () => {},
  subscribe: () => new Promise(() => {}),
  unsubscribe: async () => {},
}

export const connect = () => ({
  state: { name: 'connecting' },
  on: () => () => {},
  channel: () => channel,
  close: async () => {},
})
