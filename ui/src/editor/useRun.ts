import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useMemo, useRef } from 'react'
import { useEvents } from '~/api/events'
import { executions } from '~/api/executions'
import type { ExecutionDetail, NodeExecution } from '~/api/types'
import type { CanvasGraph, CanvasLink } from '~/canvas/graph'
import { isEnded } from '~/parts/status'
import { newestRuns } from './sight'

/** The execution that the editor looks at: a run that was just started, or the last one. */
export interface Run {
  id: string
  detail: ExecutionDetail | undefined
  runs: NodeExecution[]
  newest: Map<string, NodeExecution>
  links: CanvasLink[]
}

const AGAIN_MS = 150

/** An execution, live until it ends. */
export function useRun(id: string | null, graph: CanvasGraph): Run | null {
  const client = useQueryClient()
  const detail = useQuery({ ...executions.get(id ?? ''), enabled: id !== null })
  const runs = useQuery({ ...executions.runs(id ?? ''), enabled: id !== null })
  const over = detail.data ? isEnded(detail.data.execution.status) : false
  const due = useRef(false)
  const refresh = useCallback(() => {
    // Many events within a moment are one question.
    if (due.current) return
    due.current = true
    setTimeout(() => {
      due.current = false
      client.invalidateQueries({ queryKey: executions.get(id ?? '').queryKey, exact: true })
      client.invalidateQueries({ queryKey: executions.runs(id ?? '').queryKey })
    }, AGAIN_MS)
  }, [client, id])
  useEvents(id ?? '', refresh, id !== null && !over)
  return useMemo(() => {
    if (id === null) return null
    const all = runs.data ?? []
    return { id, detail: detail.data, runs: all, newest: newestRuns(all), links: graph.links }
  }, [id, detail.data, runs.data, graph.links])
}
