import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Tests of the whole: the real program, the built pages, a real browser. One after the other: they share the machine.
export default defineConfig({
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  test: {
    include: ['tests/**/*.e2e.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
