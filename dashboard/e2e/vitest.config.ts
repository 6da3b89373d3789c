import { defineConfig } from 'vitest/config'

// The browser walk: real Chromium, the real `peal dev`, nothing replaced. Two files at a time and no more, since latency is measured.
export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  test: {
    include: ['*.test.ts'],
    globalSetup: ['support/global-setup.ts'],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
