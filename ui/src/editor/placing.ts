import type { WorkflowDocument } from '~/api/types'
import { type CanvasGraph, NEXT, WIDTH } from '~/canvas/graph'
import type { Place } from '~/canvas/layout'
import { freePlace, type Places } from '~/canvas/places'

/** Where a new node goes: right of the one that is selected, or of all. */
export function placeFor(after: string | undefined, places: Places): Place {
  const before = after === undefined ? undefined : places.get(after)
  if (before) return freePlace({ x: before.x + WIDTH + NEXT, y: before.y }, 56, places)
  const all = [...places.values()]
  if (all.length === 0) return { x: 0, y: 0 }
  const right = all.reduce((one, other) => (other.x > one.x ? other : one))
  return freePlace({ x: right.x + WIDTH + NEXT, y: right.y }, 56, places)
}

/** Places of the nodes for which the document has none: they stay where they are when one of them is moved. */
export function homeless(document: WorkflowDocument, places: Places): Places {
  const known: Places = new Map()
  for (const node of document.nodes) {
    const place = node.position ? undefined : places.get(node.key)
    if (place) known.set(node.key, place)
  }
  return known
}

/** The port of the selected node from which a new one goes on: the first that leads nowhere yet. */
export function portAfter(graph: CanvasGraph, key: string | undefined): { key: string; port: string } | undefined {
  const node = graph.nodes.find((one) => one.key === key)
  if (!node) return undefined
  const port = node.outputs.find((port) => !graph.links.some((link) => link.from === node.key && link.port === port))
  return port === undefined ? undefined : { key: node.key, port }
}
