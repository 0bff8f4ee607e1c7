import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url))
const PROGRAM = process.env.PRANA_BIN ?? join(TARGET, 'debug/prana')

/** A server of the test's own: a new database, a free port. */
export interface Server {
  url: string
  /** Calls the API; throws if it refuses. */
  call: <T>(method: string, path: string, body?: unknown) => Promise<T>
  /** Saves and activates a workflow. */
  deploy: (workflow: { id: string; [name: string]: unknown }) => Promise<void>
  stop: () => Promise<void>
}

/** Starts the program, and waits until it listens. */
export async function startServer(...options: string[]): Promise<Server> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there; build it with: cargo build -p prana-cli`)
  const folder = mkdtempSync(join(tmpdir(), 'prana-ui-'))
  const child = spawn(PROGRAM, ['serve', '--db', join(folder, 'test.db'), '--listen', '127.0.0.1:0', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const url = await addressOf(child)
  const call = <T>(method: string, path: string, body?: unknown) => send<T>(`${url}/api/v1${path}`, method, body)
  return {
    url,
    call,
    deploy: async (workflow) => {
      await call('POST', '/workflows', workflow)
      await call('POST', `/workflows/${workflow.id}/activate`, {})
    },
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the program says: where it listens. */
async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      child.emit('said')
    })
  }
  for (;;) {
    const url = said.map((line) => /https?:\/\/[\d.:[\]]+:\d+/.exec(line)?.[0]).find(Boolean)
    if (url) return url
    if (child.exitCode !== null) throw new Error(`the server did not start:\n${said.join('\n')}`)
    await Promise.race([once(child, 'said'), once(child, 'exit')])
  }
}

async function send<T>(url: string, method: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(body ?? {}),
  })
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
  return (response.status === 204 ? undefined : await response.json()) as T
}

/** Asks again and again until it is so; fails after ten seconds. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error('it did not come to be in ten seconds')
  }
}
