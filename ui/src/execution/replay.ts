import type { EventKind, LiveEvent, NodeStatus } from '~/api/types'
import type { CanvasLink } from '~/canvas/graph'
import type { LinkMark, LinkMarks, NodeMark, NodeMarks } from '~/canvas/marks'

/** One move of an execution: a node run that began and ended at once, a wait, an answer, the end. In the order in which it happened. */
export interface Step {
  /** The number of its last event; stays the same when more happens. */
  number: number
  kind: EventKind
  at: string
  /** Which node run, where it is one's. */
  index?: number
  node?: string
  loopPath?: string
  port?: string | null
  /** Why, in a few words: an error, what is waited for, a reason. */
  words?: string
}

/** What is known of a node run from events alone. */
export interface RunState {
  index: number
  node: string
  loopPath: string
  runIndex: number
  status: NodeStatus
  startedAt: string
  endedAt: string | null
  port: string | null
  /** Failed attempts before this one. */
  retries: number
  words?: string
  /** When it waited, and until when it still may. */
  waits: { from: string; to: string | null; kind: string; till: string | null }[]
}

const ENDS: { [kind in EventKind]?: NodeStatus } = {
  node_completed: 'completed',
  node_failed: 'failed',
  node_skipped: 'skipped',
  node_suspended: 'suspended',
  node_retrying: 'running',
}

/** Everything that events tell of one execution. Events are added in order; one that came before is passed over. */
export class Replay {
  readonly steps: Step[] = []
  readonly runs = new Map<number, RunState>()
  /** The number of the newest event. */
  last = -1

  /** Takes events in; true if any was new. */
  add(events: LiveEvent[]): boolean {
    const before = this.last
    for (const event of events) if (event.number > this.last) this.take(event)
    return this.last !== before
  }

  private take(event: LiveEvent): void {
    this.last = event.number
    const run = event.execution_index === undefined ? undefined : this.runOf(event, event.execution_index)
    if (run) track(run, event)
    const step = stepOf(event, run)
    const top = this.steps.at(-1)
    const joins = top?.kind === 'node_starting' && top.index === step.index && step.index !== undefined
    if (joins) this.steps[this.steps.length - 1] = { ...step, at: top.at }
    else this.steps.push(step)
  }

  private runOf(event: LiveEvent, index: number): RunState {
    const known = this.runs.get(index)
    if (known) return known
    const run: RunState = {
      index,
      node: event.node_key ?? '',
      loopPath: event.loop_path ?? '',
      runIndex: event.run_index ?? 0,
      status: 'running',
      startedAt: event.at,
      endedAt: null,
      port: null,
      retries: 0,
      waits: [],
    }
    this.runs.set(index, run)
    return run
  }
}

function track(run: RunState, event: LiveEvent): void {
  const open = run.waits.at(-1)
  if (open && open.to === null) open.to = event.at
  const status = ENDS[event.kind]
  if (status) run.status = status
  run.words = event.error?.message ?? event.reason ?? run.words
  if (event.kind === 'node_starting') run.status = 'running'
  if (event.kind === 'node_retrying') run.retries += 1
  if (event.kind === 'node_suspended') {
    run.waits.push({ from: event.at, to: null, kind: event.waits_for ?? 'webhook', till: event.wait_till ?? null })
  } else if (status && status !== 'running') {
    run.endedAt = event.at
    run.port = event.port ?? null
  }
}

function stepOf(event: LiveEvent, run: RunState | undefined): Step {
  const words = event.error ? `${event.error.code}: ${event.error.message}` : (event.reason ?? undefined)
  return {
    number: event.number,
    kind: event.kind,
    at: event.at,
    index: run?.index,
    node: run?.node,
    loopPath: run?.loopPath,
    port: event.port,
    words: event.kind === 'node_suspended' ? `waits: ${event.waits_for ?? 'an answer'}` : words,
  }
}

const STARTS_RUN = (steps: Step[], place: number, seen: Set<number>) => {
  const index = steps[place]?.index
  if (index === undefined || seen.has(index)) return false
  seen.add(index)
  return true
}

/** How many orders are written on a node before the rest is left out. */
const ORDERS_SHOWN = 3

/** What the canvas shows after the first `upTo` steps. */
export function marksAt(
  steps: Step[],
  upTo: number,
  nodes: string[],
  links: CanvasLink[],
): { nodes: NodeMarks; links: LinkMarks } {
  const tally = tallyOf(steps, upTo)
  const current = steps[upTo - 1]
  const nodeMarks: NodeMarks = new Map()
  for (const key of nodes) nodeMarks.set(key, nodeMark(tally.nodes.get(key), current?.node === key))
  const linkMarks: LinkMarks = new Map()
  const cameFrom = current?.index === undefined ? null : tally.before
  for (const link of links) linkMarks.set(link.id, linkMark(link, tally.ports, cameFrom, current?.node))
  return { nodes: nodeMarks, links: linkMarks }
}

interface NodeTally {
  status: NodeStatus
  runs: number
  orders: number[]
  words?: string
}

interface Tally {
  nodes: Map<string, NodeTally>
  /** How often something left by a port: by node and port. */
  ports: Map<string, number>
  /** The port that was left last before the current step. */
  before: string | null
}

const portKey = (node: string, port: string) => JSON.stringify([node, port])

function tallyOf(steps: Step[], upTo: number): Tally {
  const nodes = new Map<string, NodeTally>()
  const ports = new Map<string, number>()
  const seen = new Set<number>()
  let before: string | null = null
  for (let place = 0; place < Math.min(upTo, steps.length); place += 1) {
    const step = steps[place]
    if (!step?.node) continue
    const node = nodes.get(step.node) ?? { status: 'running' as NodeStatus, runs: 0, orders: [] }
    if (STARTS_RUN(steps, place, seen)) {
      node.runs += 1
      node.orders.push((step.index ?? 0) + 1)
    }
    node.status = ENDS[step.kind] ?? 'running'
    node.words = step.kind === 'node_suspended' || step.kind === 'node_failed' ? step.words : undefined
    nodes.set(step.node, node)
    if (step.kind === 'node_completed' && step.port) {
      const key = portKey(step.node, step.port)
      ports.set(key, (ports.get(key) ?? 0) + 1)
      if (place < upTo - 1) before = key
    }
  }
  return { nodes, ports, before }
}

function nodeMark(tally: NodeTally | undefined, current: boolean): NodeMark {
  if (!tally) return { dimmed: true }
  const shown = tally.orders.slice(0, ORDERS_SHOWN).join(', ')
  const order = tally.orders.length > ORDERS_SHOWN ? `${shown}, …` : shown
  return { status: tally.status, runs: tally.runs, order, current, note: tally.words }
}

function linkMark(
  link: CanvasLink,
  ports: Map<string, number>,
  before: string | null,
  currentNode: string | undefined,
): LinkMark {
  const key = portKey(link.from, link.port)
  const passed = ports.get(key) ?? 0
  return { passed, current: link.to === currentNode && key === before, dimmed: passed === 0 }
}
