import type { Json } from './types'

/** A refusal of the server (RFC 9457), or a server that can't be reached. */
export class Problem extends Error {
  readonly status: number
  /** Stable, dotted: `workflow.outdated`. */
  readonly code: string
  /** Everything that the problem document holds. */
  readonly body: { [name: string]: Json }

  constructor(status: number, code: string, detail: string, body: { [name: string]: Json } = {}) {
    super(detail)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.body = body
  }
}

export const unreachable = () =>
  new Problem(
    0,
    'server.unreachable',
    'The server does not answer. It may be restarting; this page tries again by itself.',
  )

/** The problem that an answer tells of, whatever its body. */
export async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '')
  try {
    const body = JSON.parse(text)
    if (typeof body?.code === 'string') return new Problem(response.status, body.code, body.detail ?? body.title, body)
  } catch {
    // Not JSON: told below.
  }
  return new Problem(response.status, `http.${response.status}`, text.slice(0, 200) || response.statusText)
}

/** What to tell a person about anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
