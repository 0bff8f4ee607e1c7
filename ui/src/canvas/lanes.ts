import { type CanvasGraph, heightOf, WIDTH } from './graph'
import type { Places } from './places'

const FIRST = 30
const NEXT = 14

/** How far down each connection that leads back goes round: below all that stands between its ends, and beside the others. */
export function lanesOf(graph: CanvasGraph, places: Places): Map<string, number> {
  const lanes = new Map<string, number>()
  const boxes = graph.nodes.flatMap((node) => {
    const place = places.get(node.key)
    return place ? [{ left: place.x, right: place.x + WIDTH, bottom: place.y + heightOf(node) }] : []
  })
  const back = graph.links.flatMap((link) => {
    const [from, to] = [places.get(link.from), places.get(link.to)]
    return from && to && to.x <= from.x + WIDTH - 24
      ? [{ id: link.id, left: to.x - 40, right: from.x + WIDTH + 40 }]
      : []
  })
  // The shortest is the innermost.
  back.sort((one, other) => one.right - one.left - (other.right - other.left))
  const drawn: { left: number; right: number; y: number }[] = []
  for (const { id, left, right } of back) {
    const under = boxes.filter((box) => box.right > left && box.left < right).map((box) => box.bottom)
    let y = Math.max(...under) + FIRST
    while (drawn.some((lane) => Math.abs(lane.y - y) < NEXT && lane.right > left && lane.left < right)) y += NEXT
    drawn.push({ left, right, y })
    lanes.set(id, y)
  }
  return lanes
}
