import { describe, expect, it } from 'vitest'
import { partsOf } from './breakdown-data'

describe('a breakdown', () => {
  it('has a share for each value and everything else at the end', () => {
    const items = [
      { label: 'chat', value: 700 },
      { label: '*', value: 200 },
      { label: '', value: 99 },
      { label: 'rare', value: 1 },
    ]
    const parts = partsOf({ by: 'namespace', items })
    expect(parts.map(({ label, value, percent }) => [label, value, percent])).toEqual([
      ['chat', 700, '70 %'],
      ['no namespace', 99, '9.9 %'],
      ['rare', 1, '0.1 %'],
      ['everything else', 200, '20 %'],
    ])
  })

  it('calls keys by their name and transports by their word', () => {
    const keys = partsOf({
      by: 'key',
      items: [
        { label: 'K1', name: 'Web', value: 3 },
        { label: 'K2', value: 1 },
      ],
    })
    expect(keys.map((part) => part.label)).toEqual(['Web', 'K2'])
    expect(partsOf({ by: 'transport', items: [{ label: 'rest', value: 3 }] })[0]?.label).toBe('HTTP')
  })

  it('shows twenty values, and the others together', () => {
    const items = Array.from({ length: 30 }, (_, at) => ({ label: `n${at}`, value: 30 - at }))
    const parts = partsOf({ by: 'namespace', items })
    expect(parts).toHaveLength(21)
    expect(parts.at(-1)).toMatchObject({ label: 'everything else', value: 55 })
    expect(partsOf({ by: 'namespace', items: [] })).toEqual([])
  })
})
