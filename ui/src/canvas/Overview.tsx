import { Panel, useReactFlow, useStore, type Viewport } from '@xyflow/react'
import { type PointerEvent, useCallback, useMemo, useRef } from 'react'
import { type Area, areaOf, fitInto } from './area'
import classes from './canvas.module.css'
import { type CanvasGraph, heightOf, WIDTH } from './graph'
import type { Places } from './places'
import { useDrawing } from './viewport'

const SIZE = { width: 200, height: 150 }

/** A picture of the whole in a corner, and in it what is seen. Pressed or dragged, that goes there. */
export function Overview({ graph, places }: { graph: CanvasGraph; places: Places }) {
  const flow = useReactFlow()
  const window = useRef<HTMLDivElement>(null)
  const width = useStore((state) => state.width)
  const height = useStore((state) => state.height)
  const area = useMemo(() => areaOf(boxesOf(graph, places)), [graph, places])
  const { scale, left, top } = fitInto(area, SIZE)
  const draw = useCallback(
    ({ x, y, zoom }: Viewport) => {
      const style = window.current?.style
      if (!style) return
      style.width = `${(width / zoom) * scale}px`
      style.height = `${(height / zoom) * scale}px`
      style.transform = `translate(${left - (x / zoom) * scale}px, ${top - (y / zoom) * scale}px)`
    },
    [width, height, scale, left, top],
  )
  useDrawing(draw)
  const go = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const at = { x: (event.clientX - box.left - left) / scale, y: (event.clientY - box.top - top) / scale }
    void flow.setCenter(at.x, at.y, { zoom: flow.getZoom() })
  }
  return (
    <Panel position="bottom-right" className={classes.overview}>
      <svg
        role="img"
        aria-label="Overview"
        width={SIZE.width}
        height={SIZE.height}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          go(event)
        }}
        onPointerMove={(event) => event.buttons === 1 && go(event)}
      >
        <path
          className={classes.overviewNodes}
          transform={`translate(${left} ${top}) scale(${scale})`}
          d={pathOf(boxesOf(graph, places))}
        />
      </svg>
      <div ref={window} className={classes.overviewWindow} />
    </Panel>
  )
}

function boxesOf(graph: CanvasGraph, places: Places): Area[] {
  return graph.nodes.flatMap((node) => {
    const place = places.get(node.key)
    return place ? [{ ...place, width: WIDTH, height: heightOf(node) }] : []
  })
}

/** All nodes as one shape: hundreds are drawn as fast as one. */
const pathOf = (boxes: Area[]) =>
  boxes.map(({ x, y, width, height }) => `M${x} ${y}h${width}v${height}h${-width}z`).join('')
