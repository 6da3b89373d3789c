import { describe, expect, it } from 'vitest'
import { type Command, findCommands, grouped } from './commands'

const command = (group: Command['group'], label: string, keywords?: string): Command => ({
  id: label,
  group,
  label,
  keywords,
  run: () => {},
})
const all = [
  command('Pages', 'Keys'),
  command('Pages', 'Usage', 'messages connections'),
  command('Apps', 'Monkey business', '123'),
  command('Actions', 'Create key'),
]
const found = (typed: string) => findCommands(all, typed).map((command) => command.label)

describe('the palette', () => {
  it('offers everything at first', () => expect(found(' ')).toHaveLength(4))

  it('puts beginnings before words before parts', () =>
    expect(found('key')).toEqual(['Keys', 'Create key', 'Monkey business']))

  it('wants every word, and looks into keywords', () => {
    expect(found('create key')).toEqual(['Create key'])
    expect(found('messages')).toEqual(['Usage'])
    expect(found('123')).toEqual(['Monkey business'])
    expect(found('zebra')).toEqual([])
  })

  it('keeps groups together', () => {
    expect(grouped(findCommands(all, 'key')).map(([group]) => group)).toEqual(['Pages', 'Actions', 'Apps'])
  })
})
