import type { NodeExecution } from '~/api/types'
import { type CanvasLink, linkId, MAIN } from '~/canvas/graph'
import type { LinkMarks, NodeMarks } from '~/canvas/marks'

/** What a run left on the nodes. */
export function marksOfRuns(runs: NodeExecution[]): NodeMarks {
  const marks: NodeMarks = new Map()
  for (const run of runs)
    marks.set(run.node_key, { status: run.status, runs: (marks.get(run.node_key)?.runs ?? 0) + 1 })
  return marks
}

/** How often something passed each connection. */
export function passed(runs: NodeExecution[], links: CanvasLink[]): LinkMarks {
  const marks: LinkMarks = new Map()
  const byIndex = new Map(runs.map((run) => [run.execution_index, run]))
  for (const run of runs) {
    for (const [port, sources] of Object.entries(run.input_from)) {
      for (const index of sources) {
        const from = byIndex.get(index)
        if (!from) continue
        const id = linkId(from.node_key, from.output_port ?? MAIN, run.node_key, port)
        marks.set(id, { passed: (marks.get(id)?.passed ?? 0) + 1 })
      }
    }
  }
  const left = leftBy(runs)
  const goesOn = nodesThatGoOn(runs)
  for (const link of links) {
    const count = left.get(JSON.stringify([link.from, link.port]))
    if (count && goesOn.has(link.to) && !marks.has(link.id)) marks.set(link.id, { passed: count })
  }
  return marks
}

/** How often each port was left by. */
function leftBy(runs: NodeExecution[]): Map<string, number> {
  const left = new Map<string, number>()
  for (const { node_key, output_port } of runs) {
    const key = JSON.stringify([node_key, output_port])
    if (output_port) left.set(key, (left.get(key) ?? 0) + 1)
  }
  return left
}

/** Nodes that ran again with nothing new: loops go on when their body is done, and what led back to them is not told. */
const nodesThatGoOn = (runs: NodeExecution[]) =>
  new Set(
    runs.filter((run) => run.run_index > 0 && Object.keys(run.input_from).length === 0).map((run) => run.node_key),
  )
