import type { Viewport } from '@xyflow/react'
import { useCallback, useRef } from 'react'
import classes from './canvas.module.css'
import { useDrawing } from './viewport'

const GAP = 22
/** Dots that are nearer to each other than this are a grey, not a ground. */
const NEAREST = 14

/** The dotted ground, which moves with the plane. */
export function Dots() {
  const ground = useRef<HTMLDivElement>(null)
  const gap = useRef(0)
  const draw = useCallback(({ x, y, zoom }: Viewport) => {
    const style = ground.current?.style
    if (!style) return
    const wanted = gapAt(zoom)
    if (wanted !== gap.current) {
      gap.current = wanted
      style.backgroundSize = `${wanted}px ${wanted}px`
    }
    style.transform = `translate(${x % wanted}px, ${y % wanted}px)`
  }, [])
  useDrawing(draw)
  return <div ref={ground} className={classes.dots} />
}

/** How far dots are from each other on the screen; from afar, only every second one is shown, or every fourth. */
export function gapAt(zoom: number): number {
  let gap = GAP * zoom
  while (gap < NEAREST) gap *= 2
  return gap
}
