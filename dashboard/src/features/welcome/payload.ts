/** What a person typed, as data to publish. */

export type Payload = { ok: true; data: unknown } | { ok: false; error: string }

export function parsePayload(text: string): Payload {
  if (text.trim() === '') return { ok: false, error: 'Type some JSON, for example {"text":"hello"}.' }
  try {
    return { ok: true, data: JSON.parse(text) as unknown }
  } catch {
    const hint = /^[[{"]/.test(text.trim())
      ? 'Check quotes, commas and brackets.'
      : `Text needs double quotes: ${JSON.stringify(text.trim())}`
    return { ok: false, error: `This is not valid JSON. ${hint}` }
  }
}
