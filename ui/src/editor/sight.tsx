import { useQueries, useQuery } from '@tanstack/react-query'
import { createContext, useContext, useMemo } from 'react'
import { executions } from '~/api/executions'
import type { Json, JsonMap, NodeDocument, NodeExecution, PreviewRun, PreviewScope } from '~/api/types'
import { filters } from '~/api/workflows'
import type { CanvasNode } from '~/canvas/graph'
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
  sight: { scope: {}, nodes: [], inputPorts: [], perItem: false, filters: [] },
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

/** What a node's input was in a run, by port, from the runs that fed it. */
export function inputOf(run: NodeExecution, outputs: Map<number, Json>): { [port: string]: Json } {
  const ports: { [port: string]: Json } = {}
  for (const [port, from] of Object.entries(run.input_from)) {
    const newest = from.at(-1)
    if (newest !== undefined && outputs.has(newest)) ports[port] = outputs.get(newest) ?? null
  }
  return ports
}

/** What feeds a node in the run that is looked at: the runs of its own last run, or else the newest of those that lead to it. */
function feeding(
  node: CanvasNode,
  run: Run,
  links: { from: string; port: string; to: string; toPort: string }[],
): { [port: string]: number } {
  const own = run.newest.get(node.key)
  if (own && Object.keys(own.input_from).length > 0) {
    return Object.fromEntries(
      Object.entries(own.input_from).flatMap(([port, from]) =>
        from.length > 0 ? [[port, from.at(-1) as number]] : [],
      ),
    )
  }
  const ports: { [port: string]: number } = {}
  for (const link of links) {
    if (link.to !== node.key) continue
    const before = run.runs.findLast((one) => one.node_key === link.from && one.output_port === link.port)
    if (before && (ports[link.toPort] ?? -1) < before.execution_index) ports[link.toPort] = before.execution_index
  }
  return ports
}

/** The input of a node in the run that is looked at, by port, and which runs gave it. */
export interface NodeInput {
  ports: { port: string; from: NodeExecution; output: Json | undefined }[]
  isLoading: boolean
}

export function useNodeInput(
  node: CanvasNode,
  run: Run | null,
  links: { from: string; port: string; to: string; toPort: string }[],
): NodeInput {
  const fed = useMemo(() => (run ? feeding(node, run, links) : {}), [node, run, links])
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
  perItem: boolean,
): NodeSight {
  const workflow = useEditor((state) => state.document)
  const known = useQuery(filters.list())
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
    const own = run?.newest.get(node.key)
    // A node that ran sees what it saw then; another one, what the run has come to.
    const preview: PreviewData | null = !run?.detail
      ? null
      : own
        ? { run: { execution_id: run.id, index: own.execution_index }, scope: { vars, ...items } }
        : { run: { execution_id: run.id }, scope: { input: came, vars, ...items } }
    const seen: JsonMap = { $vars: vars, $nodes: nodes }
    if (preview)
      Object.assign(seen, { $input: came, $trigger: trigger }, perItem ? { $item: preview.scope.item, $index: 0 } : {})
    const sight: Sight = { scope: seen, nodes: before, inputPorts: node.inputs, perItem, filters: known.data ?? [] }
    return { sight, preview }
  }, [named, answers, input.ports, node.inputs, node.key, run, workflow.variables, before, known.data, perItem])
}

/** The first item of what came in, for templates that are evaluated once per item. */
function itemOf(data: Json): { item: Json; index: number } {
  if (Array.isArray(data)) return { item: data[0] ?? null, index: 0 }
  const list = typeof data === 'object' && data !== null ? Object.values(data).find(Array.isArray) : undefined
  return { item: (list as Json[] | undefined)?.[0] ?? null, index: 0 }
}
