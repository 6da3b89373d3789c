/** The language somebody chose last, on this browser. */
import { SNIPPETS } from './snippets'

const KEY = 'peal.snippet'

export function rememberedTab(): string {
  try {
    const stored = localStorage.getItem(KEY)
    if (SNIPPETS.some((snippet) => snippet.id === stored)) return stored as string
  } catch {
    // Without storage the first tab is shown.
  }
  return SNIPPETS[0]?.id ?? 'curl'
}

export function rememberTab(tab: string): void {
  try {
    localStorage.setItem(KEY, tab)
  } catch {
    // Remembering is a courtesy.
  }
}
