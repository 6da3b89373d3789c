import { defineConfig } from 'vitest/config'

// The browser walk: real Chromium, the real `peal dev`, nothing replaced. One file at a time, since latency is measured.
export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  test: {
    include: ['*.test.ts'],
    globalSetup: ['support/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
