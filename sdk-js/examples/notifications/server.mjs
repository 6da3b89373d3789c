// A notification feed per user. A token opens the user's own channel and nothing else; only this server publishes.
import { peal, serve } from '../serve.mjs';

const feed = (user) => `private-feed.${user}`;

serve(new URL('page.html', import.meta.url), process.env.PORT ?? 3001, {
  // A real application takes the user from its session, not from the query.
  'GET /token': (query) => {
    const user = query.get('user') ?? '';
    if (!/^[a-z0-9]{1,40}$/.test(user)) throw new Error('give a user of letters and digits');
    return peal.mintToken({ clientId: user, capabilities: { [feed(user)]: ['subscribe', 'history'] } });
  },
  // curl -d '{"user":"ada","text":"Your order has left"}' http://127.0.0.1:3001/notify
  'POST /notify': async (_query, body) => {
    const { user, text } = JSON.parse(body);
    const { id } = await peal.publish(feed(user), 'notification', { text, at: new Date().toISOString() });
    return id;
  },
});
