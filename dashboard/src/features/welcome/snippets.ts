/**
 * Code that works as pasted, with the person's real key. Each is one function of the facts, so that the page can show it with
 * the secret masked and copy it with the secret in, and a test can run exactly what is copied.
 */
import type { Language } from '#/ui/code'

export interface SnippetFacts {
  edgeUrl: string
  appId: string
  keyId: string
  secret: string
}

export interface Snippet {
  id: 'curl' | 'node' | 'python' | 'browser'
  label: string
  language: Language
  /** What to call the file, and the command that runs it. */
  file?: string
  run?: string
  note: string
  usesSecret: boolean
  source: (facts: SnippetFacts) => string
}

export const MASKED_SECRET = '•'.repeat(12)

export const SNIPPETS: readonly Snippet[] = [
  {
    id: 'curl',
    label: 'curl',
    language: 'shell',
    note: 'Run it in any terminal. The message appears on this page.',
    usesSecret: true,
    source: ({ edgeUrl, keyId, secret }) => `curl -u ${keyId}:${secret} \\
  ${edgeUrl}/v1/channels/hello/messages \\
  -H 'content-type: application/json' \\
  -d '{"event":"message","data":{"text":"hello from curl"}}'`,
  },
  {
    id: 'node',
    label: 'Node',
    language: 'javascript',
    file: 'hello.cjs',
    run: 'npm install pusher && node hello.cjs',
    note: 'With the official Pusher server library: only the host and the key are Peal’s.',
    usesSecret: true,
    source: ({ edgeUrl, appId, keyId, secret }) => {
      const edge = endpoint(edgeUrl)
      return `const Pusher = require('pusher')

const pusher = new Pusher({
  appId: '${appId}',
  key: '${keyId}',
  secret: '${secret}',
  host: '${edge.host}',
  port: '${edge.port}',
  useTLS: ${edge.tls},
})

pusher
  .trigger('hello', 'message', { text: 'hello from Node' })
  .then((response) => console.log('sent', response.status))`
    },
  },
  {
    id: 'python',
    label: 'Python',
    language: 'python',
    file: 'hello.py',
    run: 'pip install pusher && python3 hello.py',
    note: 'With the official Pusher server library: only the host and the key are Peal’s.',
    usesSecret: true,
    source: ({ edgeUrl, appId, keyId, secret }) => {
      const edge = endpoint(edgeUrl)
      return `import pusher

client = pusher.Pusher(
    app_id='${appId}',
    key='${keyId}',
    secret='${secret}',
    host='${edge.host}',
    port=${edge.port},
    ssl=${edge.tls ? 'True' : 'False'},
)

client.trigger('hello', 'message', {
    'text': 'hello from Python',
})
print('sent')`
    },
  },
  {
    id: 'browser',
    label: 'Browser',
    language: 'html',
    file: 'hello.html',
    run: 'open it in a browser and press Send here',
    note: 'Subscribes with the public key id alone. The secret never goes into a page.',
    usesSecret: false,
    source: ({ edgeUrl, keyId }) => `<!doctype html>
<meta charset="utf-8">
<title>hello</title>
<ul id="messages"></ul>
<script src="${edgeUrl}/sdk/peal.js"></script>
<script>
  const peal = Peal.connect({
    url: '${edgeUrl}',
    key: '${keyId}',
  })

  peal.channel('hello').on('message', (message) => {
    const item = document.createElement('li')
    item.textContent = JSON.stringify(message.data)
    document.querySelector('#messages').append(item)
  })
</script>`,
  },
]

/** Host and port as the Pusher libraries want them: apart, and the port always given. */
export function endpoint(url: string): { host: string; port: string; tls: boolean } {
  const { hostname, port, protocol } = new URL(url)
  const tls = protocol === 'https:'
  return { host: hostname, port: port || (tls ? '443' : '80'), tls }
}
