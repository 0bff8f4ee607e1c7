import { useReactFlow, useStore } from '@xyflow/react'
import { useEffect, useRef } from 'react'
import { areaOf } from './area'
import { type CanvasGraph, heightOf, WIDTH } from './graph'
import type { Places } from './places'

/** Below this zoom, names are hard to read. */
const READABLE = 0.5
/** What happened is looked at as a whole, even if it is small. */
const WHOLE = 0.35
/** On narrow screens nothing is won by less. */
const NARROW = { width: 600, zoom: 0.75 }
const MARGIN = 32

/** Shows the whole at first; of what is too large for that to be read, the beginning. */
export function FirstView({ graph, places, editable }: { graph: CanvasGraph; places: Places; editable: boolean }) {
  const flow = useReactFlow()
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  const isDone = useRef(false)
  useEffect(() => {
    if (isDone.current || width === 0 || height === 0 || graph.nodes.length === 0) return
    isDone.current = true
    void flow.setViewport(firstView(graph, places, { width, height }, editable ? READABLE : WHOLE))
  }, [flow, graph, places, width, height, editable])
  return null
}

/** What is seen of a workflow when it is opened. */
export function firstView(
  graph: CanvasGraph,
  places: Places,
  size: { width: number; height: number },
  smallest = READABLE,
) {
  const area = areaOf(
    graph.nodes.map((node) => ({ x: 0, y: 0, ...places.get(node.key), width: WIDTH, height: heightOf(node) })),
  )
  const fits = Math.min((size.width - 2 * MARGIN) / area.width, (size.height - 2 * MARGIN) / area.height, 1)
  const zoom = Math.max(fits, size.width < NARROW.width ? NARROW.zoom : smallest)
  const middle = (size.height - area.height * zoom) / 2 - area.y * zoom
  if (fits === zoom) return { x: (size.width - area.width * zoom) / 2 - area.x * zoom, y: middle, zoom }
  const first = graph.nodes.find((node) => node.inputs.length === 0) ?? graph.nodes[0]
  const start = (first && places.get(first.key)) ?? { x: area.x, y: area.y }
  return { x: MARGIN - start.x * zoom, y: size.height / 2 - (start.y + 28) * zoom, zoom }
}
