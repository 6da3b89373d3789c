/** Capabilities as short phrases: `{"chat.*": ["publish"]}` is "publish on chat.*". */
import type { Capabilities } from '#/api/types'

export function describeCapabilities(capabilities: Capabilities): string[] {
  const phrases = Object.entries(capabilities).map(([pattern, operations]) => {
    const verbs = operations.includes('*') ? 'everything' : operations.join(', ')
    return pattern === '*'
      ? verbs === 'everything'
        ? 'full access'
        : `${verbs} on every channel`
      : `${verbs} on ${pattern}`
  })
  return phrases.length > 0 ? phrases : ['nothing']
}

export function mayPublish(capabilities: Capabilities, channel: string): boolean {
  return Object.entries(capabilities).some(
    ([pattern, operations]) =>
      matches(pattern, channel) && operations.some((operation) => operation === '*' || operation === 'publish'),
  )
}

function matches(pattern: string, channel: string): boolean {
  const literal = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literal.join('.*')}$`).test(channel)
}
