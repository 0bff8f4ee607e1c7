import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const LIMIT_KB = 350

const dist = (name: string) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url))

interface Chunk {
  file: string
  imports?: string[]
  css?: string[]
}

/** All files that must be there before a page shows: the page's own part, and what it stands on. */
function filesOf(manifest: { [name: string]: Chunk }, names: string[]): Set<string> {
  const files = new Set<string>()
  const seen = new Set<string>()
  const open = [...names]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const chunk = manifest[name]
    if (seen.has(name) || !chunk) continue
    seen.add(name)
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file)
    open.push(...(chunk.imports ?? []))
  }
  return files
}

test.each([
  ['the dashboard', 'src/pages/Dashboard.tsx'],
  ['the list of workflows', 'src/pages/workflows/Workflows.tsx'],
  ['the list of executions', 'src/pages/executions/Executions.tsx'],
  ['an execution', 'src/pages/executions/Execution.tsx'],
  ['the editor', 'src/pages/workflows/Editor.tsx'],
])('the first load of %s is small', (name, page) => {
  const manifest = JSON.parse(readFileSync(dist('manifest.json'), 'utf8'))
  expect(manifest[page], `${page} is a part of its own`).toBeDefined()
  const files = filesOf(manifest, ['index.html', page])
  const kb = [...files].reduce((sum, file) => sum + statSync(dist(`${file}.gz`)).size, 0) / 1024
  console.log(`${name}: ${kb.toFixed(0)} KB gzipped, ${files.size} files`)
  expect(kb).toBeLessThan(LIMIT_KB)
})
