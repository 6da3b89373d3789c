// A live chat. The server only says who somebody is; messages go from browser to browser through Peal.
import { peal, serve } from '../serve.mjs';

serve(new URL('page.html', import.meta.url), process.env.PORT ?? 3000, {
  // A real application takes the name from its session, not from the query.
  'GET /token': (query) => {
    const name = query.get('name')?.trim().slice(0, 40) || 'guest';
    return peal.mintToken({
      clientId: name,
      info: { name },
      capabilities: { 'chat.*': ['subscribe', 'publish', 'presence', 'history'] },
    });
  },
});
