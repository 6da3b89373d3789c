import { describe, expect, it } from 'vitest'
import { endpoint, SNIPPETS } from './snippets'

const facts = { edgeUrl: 'http://127.0.0.1:7100', appId: '4821937465', keyId: 'KEY', secret: 'SECRET' }
const source = (id: string, over: Partial<typeof facts> = {}) =>
  SNIPPETS.find((snippet) => snippet.id === id)?.source({ ...facts, ...over })

describe('snippets', () => {
  it('curl publishes with the key as user and password', () => {
    const line = source('curl')?.replace(/ \\\n\s+/g, ' ')
    expect(line).toBe(
      `curl -u KEY:SECRET http://127.0.0.1:7100/v1/channels/hello/messages -H 'content-type: application/json' -d '{"event":"message","data":{"text":"hello from curl"}}'`,
    )
  })

  it('puts app, key, secret, host and port into the server snippets', () => {
    for (const id of ['node', 'python']) {
      for (const value of ["'4821937465'", "'KEY'", "'SECRET'", "'127.0.0.1'", '7100']) {
        expect(source(id)).toContain(value)
      }
    }
    expect(source('node')).toContain('useTLS: false')
    expect(source('python')).toContain('ssl=False')
  })

  it('follows https', () => {
    const edgeUrl = 'https://edge.example.com'
    expect(source('node', { edgeUrl })).toContain("port: '443',\n  useTLS: true")
    expect(source('python', { edgeUrl })).toContain('port=443,\n    ssl=True')
  })

  it('never puts the secret into a page', () => {
    expect(source('browser')).toContain("key: 'KEY'")
    expect(source('browser')).not.toContain('SECRET')
    expect(SNIPPETS.filter((snippet) => !snippet.usesSecret).map((snippet) => snippet.id)).toEqual(['browser'])
  })

  it('splits an address as the Pusher libraries want it', () => {
    expect(endpoint('http://peal.local')).toEqual({ host: 'peal.local', port: '80', tls: false })
    expect(endpoint('https://peal.local:8443')).toEqual({ host: 'peal.local', port: '8443', tls: true })
  })
})
