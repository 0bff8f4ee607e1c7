import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'

/** A trigger by the clock of an active workflow. */
export interface Schedule {
  workflow_id: string
  workflow_version: number
  node_key: string
  state: 'active' | 'paused' | 'broken'
  cron: string | null
  every_ms: number | null
  timezone: string
  jitter_ms: number
  missed: 'skip' | 'once' | 'all'
  overlap: 'allow' | 'skip' | 'queue'
  last: { scheduled_for: string; fired_at: string; execution_id: string } | null
  next: string[]
  queued: number
  problem: string | null
}

async function all(signal?: AbortSignal): Promise<Schedule[]> {
  const schedules: Schedule[] = []
  let after: string | undefined
  do {
    const page = await api.get<{ schedules: Schedule[]; next: string | null }>(
      '/schedules',
      { after, limit: 500 },
      signal,
    )
    schedules.push(...page.schedules)
    after = page.next ?? undefined
  } while (after)
  return schedules
}

const path = ({ workflow_id, node_key }: Schedule) => `/schedules/${segment(workflow_id)}/${segment(node_key)}`

export const schedules = {
  list: () => queryOptions({ queryKey: ['schedules'], queryFn: ({ signal }) => all(signal), refetchInterval: 10_000 }),
  pause: (schedule: Schedule) => api.post(`${path(schedule)}/pause`),
  resume: (schedule: Schedule) => api.post(`${path(schedule)}/resume`),
}
