import { layout as dagre, graphlib } from '@dagrejs/dagre'
import { NEXT } from './graph'

export interface Box {
  key: string
  width: number
  height: number
}

export interface Arrow {
  from: string
  to: string
}

export interface Place {
  x: number
  y: number
}

/** A place for every box: from left to right, along the arrows. The same graph gives the same places. */
export function layout(boxes: Box[], arrows: Arrow[]): Map<string, Place> {
  const graph = new graphlib.Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', nodesep: 36, ranksep: NEXT, edgesep: 16, marginx: 0, marginy: 0 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const box of boxes) graph.setNode(box.key, { width: box.width, height: box.height })
  for (const [place, arrow] of forwardOnly(boxes, arrows).entries())
    graph.setEdge(arrow.from, arrow.to, {}, String(place))
  // Siblings stay in the order of their ports and branches, top to bottom: worth more than a crossing less.
  dagre(graph, { disableOptimalOrderHeuristic: true })
  const places = new Map<string, Place>()
  for (const box of boxes) {
    const at = graph.node(box.key)
    places.set(box.key, { x: Math.round((at.x ?? 0) - box.width / 2), y: Math.round((at.y ?? 0) - box.height / 2) })
  }
  return places
}

/** The arrows that don't lead back: those would pull the beginning of a loop behind its end. */
function forwardOnly(boxes: Box[], arrows: Arrow[]): Arrow[] {
  const out = new Map<string, Arrow[]>()
  for (const arrow of arrows) out.set(arrow.from, [...(out.get(arrow.from) ?? []), arrow])
  const state = new Map<string, 'open' | 'done'>()
  const back = new Set<Arrow>()
  for (const box of boxes) visit(box.key, out, state, back)
  return arrows.filter((arrow) => !back.has(arrow))
}

function visit(start: string, out: Map<string, Arrow[]>, state: Map<string, 'open' | 'done'>, back: Set<Arrow>): void {
  if (state.has(start)) return
  const stack = [{ key: start, next: 0 }]
  state.set(start, 'open')
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const arrow = out.get(top.key)?.[top.next++]
    if (!arrow) {
      state.set(top.key, 'done')
      stack.pop()
    } else if (state.get(arrow.to) === 'open') {
      back.add(arrow)
    } else if (!state.has(arrow.to)) {
      state.set(arrow.to, 'open')
      stack.push({ key: arrow.to, next: 0 })
    }
  }
}
