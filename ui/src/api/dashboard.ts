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
