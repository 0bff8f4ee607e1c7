import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'
import type { ExecutionDetail, ExecutionRow, ForkRequest, Json, NodeExecution, Payload, StartRequest } from './types'

export interface ExecutionFilter {
  /** Several with commas: `failed,timeout`. */
  status?: string
  workflow_id?: string
  scope?: 'all' | 'roots'
  parent?: string
  since?: string
  until?: string
  /** Text in ids, workflows and errors. */
  q?: string
  cursor?: string
  limit?: number
}

interface RunsPage {
  node_executions: NodeExecution[]
  next: number | null
}

/** A page of an execution's node runs, in order of start, after a run. */
const runsPage = (id: string, after?: number, limit?: number, include?: Payload[], signal?: AbortSignal) =>
  api.get<RunsPage>(`/executions/${segment(id)}/node_executions`, { after, limit, include: include?.join(',') }, signal)

/** All node runs, without payloads unless asked for. */
async function allRuns(id: string, include?: Payload[], signal?: AbortSignal): Promise<NodeExecution[]> {
  const runs: NodeExecution[] = []
  let after: number | undefined
  do {
    const page = await runsPage(id, after, 500, include, signal)
    runs.push(...page.node_executions)
    after = page.next ?? undefined
  } while (after !== undefined)
  return runs
}

/** A page of executions, the newest first. */
const page = (filter: ExecutionFilter, signal?: AbortSignal) =>
  api.get<{ executions: ExecutionRow[]; next: string | null }>('/executions', { ...filter }, signal)

/** What became of each of many. */
export interface BulkDone {
  done: number
  results: { id: string; new_id?: string; error?: { code: string; detail: string } }[]
}

export const executions = {
  page,

  list: (filter: ExecutionFilter = {}) =>
    queryOptions({
      queryKey: ['executions', 'list', filter],
      queryFn: ({ signal }) => page(filter, signal),
    }),

  get: (id: string) =>
    queryOptions({
      queryKey: ['executions', id],
      queryFn: ({ signal }) => api.get<ExecutionDetail>(`/executions/${segment(id)}`, {}, signal),
    }),

  runs: (id: string, include?: Payload[]) =>
    queryOptions({
      queryKey: ['executions', id, 'runs', include ?? []],
      queryFn: ({ signal }) => allRuns(id, include, signal),
    }),

  /** One run with everything. */
  run: (id: string, index: number) =>
    queryOptions({
      queryKey: ['executions', id, 'run', index],
      queryFn: ({ signal }) =>
        api.get<NodeExecution>(`/executions/${segment(id)}/node_executions/${index}`, {}, signal),
    }),

  runsPage,
  start: (start: StartRequest) => api.post<{ id: string }>('/executions', start, { query: { mode: 'async' } }),
  cancel: (id: string, reason?: string) => api.post<{ id: string }>(`/executions/${segment(id)}/cancel`, { reason }),
  resume: (id: string, target: { node: string } | { index: number }, data: Json) =>
    api.post<{ id: string; answer: 'resumed' | 'kept' }>(`/executions/${segment(id)}/resume`, { ...target, data }),
  retry: (id: string, fork: ForkRequest = {}) => api.post<{ id: string }>(`/executions/${segment(id)}/retry`, fork),
  executeFromNode: (id: string, fork: ForkRequest) =>
    api.post<{ id: string }>(`/executions/${segment(id)}/execute_from_node`, fork),
  executeNode: (id: string, fork: ForkRequest) =>
    api.post<{ id: string }>(`/executions/${segment(id)}/execute_node`, fork),
  bulk: (action: 'cancel' | 'retry' | 'delete', ids: string[]) =>
    api.post<BulkDone>('/executions/bulk', { action, ids }),
  delete: (id: string) => api.delete<{ removed: string[] }>(`/executions/${segment(id)}`),
}
