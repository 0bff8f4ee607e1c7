import { useQueries, useQuery } from '@tanstack/react-query'
import { createContext, useContext, useMemo } from 'react'
import { executions } from '~/api/executions'
import { secrets } from '~/api/secrets'
import { session } from '~/api/session'
import type { Action, Json, JsonMap, NodeDocument, NodeExecution, PreviewRun, PreviewScope } from '~/api/types'
import { filters } from '~/api/workflows'
import type { CanvasLink, CanvasNode } from '~/canvas/graph'
import type { Sight } from './completion'
import { nodesNamed } from './references'
import { useEditor } from './store'
import type { Run } from './useRun'

/** What templates of the open node see: for completion and for previews. Null where no run gave data yet. */
export interface NodeSight {
  sight: Sight
  preview: PreviewData | null
}

/** The run whose data a preview sees, and what stands before that. */
export interface PreviewData {
  run: PreviewRun
  scope: PreviewScope
}

const SightContext = createContext<NodeSight>({
  sight: { scope: {}, nodes: [], inputPorts: [], perItem: false, filters: [], secrets: null },
  preview: null,
})

export const SightProvider = SightContext.Provider
export const useSight = () => useContext(SightContext)

/** The newest run of each node. */
export function newestRuns(runs: NodeExecution[]): Map<string, NodeExecution> {
  const newest = new Map<string, NodeExecution>()
  for (const run of runs) newest.set(run.node_key, run)
  return newest
}

/** The nodes from which ways lead to a node. */
export function nodesBefore(key: string, links: { from: string; to: string }[]): string[] {
  const into = new Map<string, string[]>()
  for (const link of links) into.set(link.to, [...(into.get(link.to) ?? []), link.from])
  const found = new Set<string>()
  const open = [...(into.get(key) ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    open.push(...(into.get(next) ?? []))
  }
  return [...found]
}

/** The newest run of a node that something came into: a loop that goes on runs again without. */
const newestFed = (key: string, run: Run): NodeExecution | undefined =>
  run.runs.findLast((one) => one.node_key === key && Object.keys(one.input_from).length > 0) ?? run.newest.get(key)

/** What feeds a node: in its own run, or else the newest runs of the nodes that lead to it. */
function feeding(node: CanvasNode, run: Run, links: NodeLink[], shown?: NodeExecution): { [port: string]: number } {
  const own = shown && Object.keys(shown.input_from).length > 0 ? shown : newestFed(node.key, run)
  if (own && Object.keys(own.input_from).length > 0) {
    const newest = Object.entries(own.input_from).map(([port, from]) => [port, from.at(-1)] as const)
    return Object.fromEntries(newest.filter((pair): pair is [string, number] => pair[1] !== undefined))
  }
  const ports: { [port: string]: number } = {}
  for (const link of links) {
    if (link.to !== node.key) continue
    const before = run.runs.findLast((one) => one.node_key === link.from && one.output_port === link.port)
    if (before && (ports[link.toPort] ?? -1) < before.execution_index) ports[link.toPort] = before.execution_index
  }
  return ports
}

type NodeLink = Pick<CanvasLink, 'from' | 'port' | 'to' | 'toPort'>

/** The input of a node in the run that is looked at, by port, and which runs gave it. */
export interface NodeInput {
  ports: { port: string; from: NodeExecution; output: Json | undefined }[]
  isLoading: boolean
}

export function useNodeInput(node: CanvasNode, run: Run | null, links: NodeLink[], shown?: NodeExecution): NodeInput {
  const fed = useMemo(() => (run ? feeding(node, run, links, shown) : {}), [node, run, links, shown])
  const entries = Object.entries(fed)
  const answers = useQueries({ queries: entries.map(([, index]) => executions.run(run?.id ?? '', index)) })
  return {
    isLoading: answers.some((answer) => answer.isPending),
    ports: entries.flatMap(([port, index], place) => {
      const from = run?.runs.find((one) => one.execution_index === index)
      return from ? [{ port, from, output: outputOf(answers[place]?.data) }] : []
    }),
  }
}

const outputOf = (run: NodeExecution | undefined): Json | undefined => (run ? (run.output ?? null) : undefined)

/** What the templates of a node see, from the run that is looked at and the document. */
export function useNodeSight(
  document: NodeDocument,
  node: CanvasNode,
  input: NodeInput,
  run: Run | null,
  action: Action | undefined,
): NodeSight {
  const workflow = useEditor((state) => state.document)
  const known = useQuery(filters.list())
  const secretNames = useSecretNames(action)
  const perItem = (action?.item_params.length ?? 0) > 0 || document.params?.batch !== undefined
  const links = run?.links
  const before = useMemo(() => nodesBefore(node.key, links ?? []), [node.key, links])
  const named = useMemo(
    () => [...nodesNamed([document.params ?? {}], before)].filter((key) => run?.newest.has(key)),
    [document.params, before, run],
  )
  const answers = useQueries({
    queries: named.map((key) => executions.run(run?.id ?? '', run?.newest.get(key)?.execution_index ?? 0)),
    combine: (all) => all.map((one) => one.data),
  })
  return useMemo(() => {
    const nodes: JsonMap = {}
    named.forEach((key, place) => {
      const one = answers[place]
      if (one)
        nodes[key] = {
          output: one.output ?? null,
          port: one.output_port ?? null,
          run_index: one.run_index,
          context: {},
        }
    })
    const ports = Object.fromEntries(input.ports.map(({ port, output }) => [port, output ?? null]))
    const first = node.inputs[0] ?? 'main'
    const several = node.inputs.length > 1 || first !== 'main'
    const main = ports[first] ?? null
    const data: Json = several
      ? { ...(typeof main === 'object' && main !== null && !Array.isArray(main) ? main : {}), ...ports }
      : main
    const trigger = run?.detail?.execution.trigger_data ?? null
    const vars = workflow.variables ?? {}
    const came = node.inputs.length === 0 ? trigger : data
    const items = perItem ? itemOf(data) : {}
    const own = run ? newestFed(node.key, run) : undefined
    // A node that ran sees what it saw then; another one, what the run has come to.
    const preview: PreviewData | null = !run?.detail
      ? null
      : own
        ? { run: { execution_id: run.id, index: own.execution_index }, scope: { vars, ...items } }
        : { run: { execution_id: run.id }, scope: { input: came, vars, ...items } }
    const seen: JsonMap = { $vars: vars, $nodes: nodes }
    if (preview)
      Object.assign(seen, { $input: came, $trigger: trigger }, perItem ? { $item: preview.scope.item, $index: 0 } : {})
    const sight: Sight = {
      scope: seen,
      nodes: before,
      inputPorts: node.inputs,
      perItem,
      filters: known.data ?? [],
      secrets: secretNames,
    }
    return { sight, preview }
  }, [
    named,
    answers,
    input.ports,
    node.inputs,
    node.key,
    run,
    workflow.variables,
    before,
    known.data,
    perItem,
    secretNames,
  ])
}

/** What secrets a node may use: those that reach outside may, and triggers. Who may not list them gets no names. */
function useSecretNames(action: Action | undefined): string[] | null {
  const may = action?.effect === 'effect' || action?.kind === 'trigger'
  const who = useQuery(session.current())
  const list = useQuery({ ...secrets.list(), enabled: may && (who.data?.allowed.includes('admin') ?? false) })
  return useMemo(() => (may ? (list.data ?? []).map((one) => one.name) : null), [may, list.data])
}

/** The first item of what came in, for templates that are evaluated once per item. */
function itemOf(data: Json): { item: Json; index: number } {
  if (Array.isArray(data)) return { item: data[0] ?? null, index: 0 }
  const list = typeof data === 'object' && data !== null ? Object.values(data).find(Array.isArray) : undefined
  return { item: (list as Json[] | undefined)?.[0] ?? null, index: 0 }
}
