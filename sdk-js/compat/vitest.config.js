import { defineConfig } from 'vitest/config';

// One server serves every file; each test uses channels of its own.
export default defineConfig({
  test: {
    include: ['test/**/*.test.js'],
    globalSetup: ['test/server.js'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
