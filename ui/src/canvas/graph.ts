import type { Action, Connections, Json, NodeDocument, WorkflowDocument } from '~/api/types'

/** A node as the canvas draws it. */
export interface CanvasNode {
  key: string
  name: string
  type: string
  /** What its type is called; the type itself if there is no such action. */
  title: string
  kind: Action['kind'] | 'unknown'
  inputs: string[]
  outputs: string[]
  position?: { x: number; y: number }
  disabled: boolean
  pinned: boolean
  notes: string
}

/** A connection as the canvas draws it. */
export interface CanvasLink {
  id: string
  from: string
  port: string
  to: string
  toPort: string
  /** Its place among the connections of its output port, from 1; null where there is only one. */
  order: number | null
}

export interface CanvasGraph {
  nodes: CanvasNode[]
  links: CanvasLink[]
}

export const MAIN = 'main'

export const linkId = (from: string, port: string, to: string, toPort: string) =>
  JSON.stringify([from, port, to, toPort])

/** Actions by type and by their other names. */
export function actionsByType(actions: Action[]): Map<string, Action> {
  const map = new Map<string, Action>()
  for (const action of actions) for (const name of [action.type, ...action.aliases]) map.set(name, action)
  return map
}

/** What the canvas draws of a workflow. Connections whose ends don't exist are left out; the validator tells of them. */
export function graphOf(
  workflow: Pick<WorkflowDocument, 'nodes' | 'connections'>,
  actions: Map<string, Action>,
): CanvasGraph {
  const links = linksOf(workflow.connections ?? {}, new Set(workflow.nodes.map((node) => node.key)))
  const used = portsUsed(links)
  const nodes = workflow.nodes.map((node) => canvasNode(node, actions.get(node.type), used.get(node.key)))
  return { nodes, links }
}

function linksOf(connections: Connections, keys: Set<string>): CanvasLink[] {
  const links: CanvasLink[] = []
  for (const [from, ports] of Object.entries(connections)) {
    if (!keys.has(from)) continue
    for (const [port, targets] of Object.entries(ports)) {
      const known = targets.filter((target) => keys.has(target.to))
      known.forEach((target, place) => {
        const toPort = target.to_port ?? MAIN
        const order = known.length > 1 ? place + 1 : null
        links.push({ id: linkId(from, port, target.to, toPort), from, port, to: target.to, toPort, order })
      })
    }
  }
  return links
}

interface Used {
  inputs: Set<string>
  outputs: Set<string>
}

function portsUsed(links: CanvasLink[]): Map<string, Used> {
  const used = new Map<string, Used>()
  const of = (key: string) => {
    const found = used.get(key) ?? { inputs: new Set(), outputs: new Set() }
    used.set(key, found)
    return found
  }
  for (const link of links) {
    of(link.from).outputs.add(link.port)
    of(link.to).inputs.add(link.toPort)
  }
  return used
}

function canvasNode(node: NodeDocument, action: Action | undefined, used: Used | undefined): CanvasNode {
  const { inputs, outputs } = portsOf(node, action)
  // A connection is drawn even where its port is unknown: it is to be seen, and to be mended.
  const all = (known: string[], more: Set<string> | undefined) => [...new Set([...known, ...(more ?? [])])]
  return {
    key: node.key,
    name: node.name ?? node.key,
    type: node.type,
    title: action?.title ?? node.type,
    kind: action?.kind ?? 'unknown',
    inputs: all(inputs, used?.inputs),
    outputs: all(outputs, used?.outputs),
    position: node.position,
    disabled: node.disabled ?? false,
    pinned: node.pinned !== undefined && node.pinned !== null,
    notes: node.notes ?? '',
  }
}

/** The ports of a node, which its parameters may decide. */
export function portsOf(node: NodeDocument, action: Action | undefined): { inputs: string[]; outputs: string[] } {
  if (!action) return { inputs: [], outputs: [] }
  const inputs =
    action.type === 'data.merge' ? mergeInputs(node.params?.inputs) : action.ports.inputs.map((port) => port.name)
  let outputs = action.ports.outputs
  if (action.type === 'logic.switch') outputs = [...casePorts(node.params?.cases), ...outputs]
  if (node.settings?.on_error === 'continue_error_output') outputs = [...outputs, 'error']
  return { inputs, outputs: [...new Set(outputs)] }
}

function casePorts(cases: Json | undefined): string[] {
  if (!Array.isArray(cases)) return []
  return cases.flatMap((one) => {
    const port = Array.isArray(one) ? one[1] : typeof one === 'object' && one !== null ? one.port : null
    return typeof port === 'string' && port !== '' ? [port] : []
  })
}

/** input_a, input_b, ... as many as there are. */
function mergeInputs(count: Json | undefined): string[] {
  const inputs = typeof count === 'number' ? Math.min(Math.max(Math.floor(count), 1), 26) : 2
  return Array.from({ length: inputs }, (_, place) => `input_${String.fromCharCode(97 + place)}`)
}

export const WIDTH = 208
/** How far right of a node the next one stands. */
export const NEXT = 64
const HEAD = 56
const ROW = 24

/** True if the ports need names: several, or one that isn't `main`. */
export const hasPortRows = (node: Pick<CanvasNode, 'inputs' | 'outputs'>) =>
  [node.inputs, node.outputs].some((ports) => ports.length > 1 || (ports.length === 1 && ports[0] !== MAIN))

/** How high a node is drawn. */
export function heightOf(node: Pick<CanvasNode, 'inputs' | 'outputs'>): number {
  const rows = hasPortRows(node) ? Math.max(node.inputs.length, node.outputs.length) : 0
  return HEAD + (rows > 0 ? rows * ROW + 8 : 0)
}

/** How far from the top of a node the middle of a port is. */
export function portTop(node: Pick<CanvasNode, 'inputs' | 'outputs'>, place: number): number {
  return hasPortRows(node) ? HEAD + place * ROW + ROW / 2 : HEAD / 2
}
