import { describe, expect, it } from 'vitest'
import { parsePayload } from './payload'

describe('parsePayload', () => {
  it.each([
    ['{"text":"hello"}', { text: 'hello' }],
    [' 42 ', 42],
    ['null', null],
  ])('takes %s', (text, data) => expect(parsePayload(text)).toEqual({ ok: true, data }))

  it('shows how to write text', () => {
    expect(parsePayload('say "hi"')).toEqual({
      ok: false,
      error: 'This is not valid JSON. Text needs double quotes: "say \\"hi\\""',
    })
  })

  it('points at punctuation in broken JSON', () => {
    expect(parsePayload('{"text":}')).toMatchObject({ ok: false, error: expect.stringContaining('quotes, commas') })
  })

  it('wants something', () => expect(parsePayload('  ')).toMatchObject({ ok: false }))
})
