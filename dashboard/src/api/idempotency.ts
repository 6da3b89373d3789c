/**
 * Repeating a request whose answer was lost must not make a second key or app. One try and its repeats carry the same id; a
 * changed form is another try.
 */
import { useRef } from 'react'

export function useIdempotencyKey(): (body: unknown) => string {
  const last = useRef<{ body: string; key: string } | null>(null)
  return (body) => {
    const text = JSON.stringify(body)
    if (last.current?.body !== text) last.current = { body: text, key: randomId() }
    return last.current.key
  }
}

/** `crypto.randomUUID` exists on https and localhost only; a self-hosted dashboard may be neither. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
