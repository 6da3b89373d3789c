import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import { tanstackRouter } from '@tanstack/router-plugin/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { precompress } from './tools/precompress.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// `npm run dev` serves the pages and passes API calls to a running `peal dev`. The API compares Origin with its own public
// URL, so the proxy presents itself as that origin.
const api = process.env.PEAL_API ?? 'http://127.0.0.1:7200'

export default defineConfig({
  plugins: [tanstackRouter({ target: 'react', autoCodeSplitting: true }), react(), tailwindcss(), precompress()],
  resolve: {
    alias: {
      // The SDK is built from its sources: no install order between the two folders, and one type check over both.
      '@peal/client': here('../sdk-js/src/index.ts'),
      '#': here('./src'),
    },
  },
  build: {
    target: 'es2022',
    manifest: 'manifest.json',
    // Fonts and scripts stay files: the content security policy allows neither data: fonts nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 7201,
    proxy: {
      '/api': { target: api, changeOrigin: true, headers: { origin: api } },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test-setup.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
})
