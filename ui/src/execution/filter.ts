import type { ExecutionFilter } from '~/api/executions'
import type { ExecutionsSearch } from '~/router'

/** Spans of time that are often asked for, in hours. */
export const SPANS = [
  { value: '1', label: 'Last hour' },
  { value: '24', label: 'Last day' },
  { value: '168', label: 'Last week' },
  { value: '720', label: 'Last 30 days' },
]

/** What the server is asked for: what the address says, with spans such as `-24h` counted from now. */
export function filterOf(search: ExecutionsSearch, now: number): ExecutionFilter {
  return {
    status: search.status,
    workflow_id: search.workflow,
    since: instantOf(search.from, now),
    until: instantOf(search.to, now),
    q: search.text,
  }
}

/** A point in time as the address holds it: hours before now (`-24h`), or what a date field gives, in the reader's zone. */
export function instantOf(text: string | undefined, now: number): string | undefined {
  if (!text) return undefined
  const hours = /^-(\d+)h$/.exec(text)
  // Whole minutes: the same list isn't asked for anew with each millisecond.
  if (hours) return new Date(Math.floor(now / 60_000) * 60_000 - Number(hours[1]) * 3_600_000).toISOString()
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

export const isNarrowed = (search: ExecutionsSearch) =>
  Object.values(search).some((value) => value !== undefined && value !== '')
