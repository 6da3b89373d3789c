/**
 * Channel patterns as the server reads them: `*` stands for any run of characters; a pattern that begins with a type prefix
 * matches the full name, any other the name without its type prefix. For hints while typing; the server decides.
 */

/** Longest first, so that the first that matches is the whole prefix. */
const PREFIXES = [
  'private-encrypted-cache-',
  'private-encrypted-',
  'presence-cache-',
  'private-cache-',
  'presence-',
  'private-',
  'cache-',
]
const TYPES = ['private-', 'presence-', 'cache-', 'encrypted-']

export function matchesChannel(pattern: string, channel: string): boolean {
  const text = TYPES.some((type) => pattern.startsWith(type)) ? channel : baseName(channel)
  const literals = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literals.join('.*')}$`, 's').test(text)
}

function baseName(channel: string): string {
  const prefix = PREFIXES.find((known) => channel.startsWith(known)) ?? ''
  return channel.slice(prefix.length)
}

/** What is wrong with a pattern, in a sentence. */
export function patternMistake(pattern: string): string | undefined {
  if (pattern === '') return 'Give a pattern. * stands for any characters.'
  if (pattern.length > 200) return 'A pattern has at most 200 characters.'
  const odd = /[^*A-Za-z0-9_\-=@,.;:]/u.exec(pattern)?.[0]
  return odd && `No channel name holds ${odd === ' ' ? 'a space' : `“${odd}”`}, so this would match none.`
}
