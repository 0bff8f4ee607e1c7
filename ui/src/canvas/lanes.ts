import { type CanvasGraph, type CanvasLink, type CanvasNode, heightOf, portTop, WIDTH } from './graph'
import type { Places } from './places'

const FIRST = 30
const APART = 14

interface Box {
  key: string
  left: number
  right: number
  top: number
  bottom: number
}

interface Lane {
  left: number
  right: number
  y: number
}

/**
 * How far down each connection goes that can't go straight: one that leads back goes round below all that stands between its ends, and one
 * that would run behind other nodes goes past them. No two lie on each other.
 */
export function lanesOf(graph: CanvasGraph, places: Places): Map<string, number> {
  const boxes = boxesOf(graph, places)
  const drawn: Lane[] = []
  const lanes = new Map<string, number>()
  for (const { id, left, right } of backwards(graph, places)) {
    const under = boxes.filter((box) => box.right > left && box.left < right).map((box) => box.bottom)
    let y = Math.max(...under) + FIRST
    while (isTaken(drawn, { left, right, y })) y += APART
    drawn.push({ left, right, y })
    lanes.set(id, y)
  }
  for (const link of graph.links) {
    const ends = endsOf(graph, places, link)
    if (!ends) continue
    const y = detour(ends, boxes, drawn)
    if (y === undefined) continue
    drawn.push({ left: ends.from.x, right: ends.to.x, y })
    lanes.set(link.id, y)
  }
  return lanes
}

function boxesOf(graph: CanvasGraph, places: Places): Box[] {
  return graph.nodes.flatMap((node) => {
    const place = places.get(node.key)
    if (!place) return []
    return [{ key: node.key, left: place.x, right: place.x + WIDTH, top: place.y, bottom: place.y + heightOf(node) }]
  })
}

const isBack = (from: { x: number }, to: { x: number }) => to.x <= from.x + WIDTH - 24

/** The connections that lead back, the shortest first: it is the innermost. */
function backwards(graph: CanvasGraph, places: Places): { id: string; left: number; right: number }[] {
  const back = graph.links.flatMap((link) => {
    const [from, to] = [places.get(link.from), places.get(link.to)]
    return from && to && isBack(from, to) ? [{ id: link.id, left: to.x - 40, right: from.x + WIDTH + 40 }] : []
  })
  return back.sort((one, other) => one.right - one.left - (other.right - other.left))
}

const isTaken = (drawn: Lane[], { left, right, y }: Lane) =>
  drawn.some((lane) => Math.abs(lane.y - y) < APART && lane.right > left && lane.left < right)

interface Ends {
  from: { key: string; x: number; y: number }
  to: { key: string; x: number; y: number }
}

/** Where a connection that leads on begins and ends. */
function endsOf(graph: CanvasGraph, places: Places, link: CanvasLink): Ends | undefined {
  const [from, to] = [places.get(link.from), places.get(link.to)]
  if (!from || !to || isBack(from, to)) return undefined
  const top = (key: string, port: string, side: 'inputs' | 'outputs') => {
    const node = nodeOf(graph, key)
    return node ? portTop(node, Math.max(node[side].indexOf(port), 0)) : 0
  }
  return {
    from: { key: link.from, x: from.x + WIDTH, y: from.y + top(link.from, link.port, 'outputs') },
    to: { key: link.to, x: to.x, y: to.y + top(link.to, link.toPort, 'inputs') },
  }
}

const known = new WeakMap<CanvasGraph, Map<string, CanvasNode>>()

function nodeOf(graph: CanvasGraph, key: string): CanvasNode | undefined {
  const nodes = known.get(graph) ?? new Map(graph.nodes.map((node) => [node.key, node]))
  known.set(graph, nodes)
  return nodes.get(key)
}

/** How near a line may come to a node that it doesn't belong to. */
const CLEAR = 8

/** The height at which a connection gets past the nodes that stand in its way; undefined if none does. */
function detour({ from, to }: Ends, boxes: Box[], drawn: Lane[]): number | undefined {
  const between = boxes.filter(
    (box) => box.right > from.x && box.left < to.x && box.key !== from.key && box.key !== to.key,
  )
  if (!between.some((box) => covers(box, from, to))) return undefined
  const middle = (from.y + to.y) / 2
  const heights = between.flatMap((box) => [box.top - 2 * CLEAR, box.bottom + 2 * CLEAR])
  heights.sort((one, other) => Math.abs(one - middle) - Math.abs(other - middle))
  const isFree = (y: number) => !between.some((box) => y > box.top - CLEAR && y < box.bottom + CLEAR)
  return heights.find((y) => isFree(y) && !isTaken(drawn, { left: from.x, right: to.x, y }))
}

const STEPS = 16

/** True if the curve between two ports runs behind a node. */
function covers(box: Box, from: { x: number; y: number }, to: { x: number; y: number }): boolean {
  for (let step = 1; step < STEPS; step++) {
    const { x, y } = along(from, to, step / STEPS)
    if (x > box.left && x < box.right && y > box.top - CLEAR / 2 && y < box.bottom + CLEAR / 2) return true
  }
  return false
}

/** A point on the curve between two ports, a part of the way along. */
export function along(
  from: { x: number; y: number },
  to: { x: number; y: number },
  part: number,
): { x: number; y: number } {
  const pull = Math.max((to.x - from.x) / 2, 24)
  const rest = 1 - part
  const mix = (a: number, b: number, c: number, d: number) =>
    rest ** 3 * a + 3 * rest ** 2 * part * b + 3 * rest * part ** 2 * c + part ** 3 * d
  return { x: mix(from.x, from.x + pull, to.x - pull, to.x), y: mix(from.y, from.y, to.y, to.y) }
}
