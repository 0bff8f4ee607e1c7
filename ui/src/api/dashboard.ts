import { queryOptions } from '@tanstack/react-query'
import { api } from './client'

/** How many there are; of very many, that there are at least so many. */
export interface AtLeast {
  count: number
  exact: boolean
}

/** What happened in a stretch of time. */
export interface Stretch {
  at: string
  started: number
  completed: number
  failed: number
  cancelled: number
  median_ms: number | null
  p95_ms: number | null
}

/** A start that a schedule will make. */
export interface NextStart {
  workflow_id: string
  node_key: string
  at: string
}

/** A process that works on the same database. */
export interface Process {
  id: string
  roles: string[]
  host: string
  process: number
  version: string
  /** Where it answers, if it does. */
  address: string | null
  started_at: string
  seen_at: string
  /** How many executions it advances. */
  running: number
  /** It has said nothing for a while. */
  silent: boolean
}

export interface DashboardNumbers {
  now: string
  total: Stretch
  stretches: Stretch[]
  stretch_minutes: number
  counted_since: string
  pending: AtLeast
  running: AtLeast
  suspended: AtLeast
  next_wake: string | null
  next_schedules: NextStart[]
  /** This process first. */
  workers: Process[]
  advancing: boolean
  webhooks: number
  listeners: number
}

export const dashboard = (hours: number) =>
  queryOptions({
    queryKey: ['dashboard', hours],
    queryFn: ({ signal }) => api.get<DashboardNumbers>('/dashboard', { hours }, signal),
    refetchInterval: 5_000,
  })
