import '@testing-library/jest-dom/vitest'
import { cleanup } from '@testing-library/react'
import { afterEach, vi } from 'vitest'
import { reportReachable } from './api/reachability'

// What jsdom lacks and pages call.
window.scrollTo = () => {}
Element.prototype.scrollIntoView = () => {}
window.matchMedia ??= ((query: string) => ({ matches: false, media: query, addEventListener() {} })) as never

afterEach(() => {
  cleanup()
  localStorage.clear()
  vi.unstubAllGlobals()
  reportReachable(true)
})
