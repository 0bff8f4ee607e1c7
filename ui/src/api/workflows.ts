import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'
import type {
  Action,
  Activated,
  Finding,
  Json,
  PreviewRun,
  PreviewScope,
  Saved,
  StoredWorkflow,
  VersionRow,
  WorkflowDocument,
  WorkflowRow,
} from './types'

const PAGE = 500

/** All workflows, page after page. */
async function all(signal?: AbortSignal): Promise<WorkflowRow[]> {
  const rows: WorkflowRow[] = []
  let after: string | undefined
  do {
    const page = await api.get<{ workflows: WorkflowRow[]; next: string | null }>(
      '/workflows',
      { after, limit: PAGE },
      signal,
    )
    rows.push(...page.workflows)
    after = page.next ?? undefined
  } while (after)
  return rows
}

export const workflows = {
  list: () => queryOptions({ queryKey: ['workflows'], queryFn: ({ signal }) => all(signal) }),

  /** A version: `latest`, `active` or a number. */
  get: (id: string, version: number | 'latest' | 'active' = 'latest') =>
    queryOptions({
      queryKey: ['workflows', id, 'version', version],
      queryFn: ({ signal }) => api.get<StoredWorkflow>(`/workflows/${segment(id)}`, { version }, signal),
      // A numbered version never changes.
      staleTime: typeof version === 'number' ? Number.POSITIVE_INFINITY : 0,
    }),

  versions: (id: string) =>
    queryOptions({
      queryKey: ['workflows', id, 'versions'],
      queryFn: ({ signal }) =>
        api.get<{ id: string; latest: number; versions: VersionRow[]; next: number | null }>(
          `/workflows/${segment(id)}/versions`,
          { limit: PAGE },
          signal,
        ),
    }),

  create: (workflow: WorkflowDocument) => api.post<Saved>('/workflows', workflow),
  replace: (workflow: WorkflowDocument, basedOn: number) =>
    api.put<Saved>(`/workflows/${segment(workflow.id)}`, workflow, { based_on: basedOn }),
  delete: (id: string) => api.delete(`/workflows/${segment(id)}`),
  activate: (id: string, version?: number) =>
    api.post<Activated>(`/workflows/${segment(id)}/activate`, version === undefined ? {} : { version }),
  /** Waits for one request to a test webhook, and runs that version with it. */
  listen: (id: string, version: number, trigger: string, seconds: number, signal: AbortSignal) =>
    api.post<{ execution_id: string | null; version: number; path: string }>(
      `/workflows/${segment(id)}/listen`,
      { version, trigger, seconds },
      { signal },
    ),
  deactivate: (id: string) => api.post<Activated>(`/workflows/${segment(id)}/deactivate`),
  validate: (workflow: WorkflowDocument) =>
    api.post<{ valid: boolean; findings: Finding[] }>('/workflows/validate', { workflow }),
  validateText: (source: string) =>
    api.post<{ valid: boolean; findings: Finding[] }>('/workflows/validate', { source }),
}

export const actions = {
  list: () =>
    queryOptions({
      queryKey: ['actions'],
      queryFn: ({ signal }) => api.get<{ actions: Action[] }>('/actions', {}, signal).then((answer) => answer.actions),
      staleTime: Number.POSITIVE_INFINITY,
    }),
}

/** A filter of templates: what may stand after `|`. */
export interface Filter {
  name: string
  aliases: string[]
  family: string
  usage: string
  summary: string
  examples: { template: string; result: string }[]
}

export const filters = {
  list: () =>
    queryOptions({
      queryKey: ['filters'],
      queryFn: ({ signal }) => api.get<{ filters: Filter[] }>('/filters', {}, signal).then((answer) => answer.filters),
      staleTime: Number.POSITIVE_INFINITY,
    }),
}

/** The value of a template over what a run saw, and over given data, which comes first. */
export const preview = (template: string, scope: PreviewScope, run: PreviewRun | undefined, signal?: AbortSignal) =>
  api.post<{ value: Json }>('/expressions/preview', { template, scope, run }, { signal })
