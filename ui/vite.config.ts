import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** The server that `npm run dev` talks to. */
const server = process.env.PRANA_SERVER ?? 'http://127.0.0.1:7700'
const toServer = { target: server, changeOrigin: true, headers: { origin: server } }

/** Puts a compressed form beside each asset: the server sends it to browsers that take it. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = 'dist' }) {
      const assets = join(dir, 'assets')
      for (const name of readdirSync(assets).filter((name) => /\.(js|css|svg)$/.test(name))) {
        writeFileSync(join(assets, `${name}.gz`), gzipSync(readFileSync(join(assets, name)), { level: 9 }))
      }
    },
  }
}

export default defineConfig({
  plugins: [react(), compressed()],
  resolve: { alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The server puts a fresh value here with every page: libraries that make style sheets while they run need it.
  html: { cspNonce: 'PRANA_STYLE_NONCE' },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    sourcemap: false,
    chunkSizeWarningLimit: 700,
    manifest: 'manifest.json',
  },
  server: {
    proxy: { '/api': toServer, '/webhook': toServer, '/webhook-test': toServer, '/resume': toServer },
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
})
