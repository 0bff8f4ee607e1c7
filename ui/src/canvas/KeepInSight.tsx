import { useReactFlow, useStore } from '@xyflow/react'
import { useEffect, useRef } from 'react'
import { WIDTH } from './graph'
import type { Place } from './layout'

const MARGIN = 24

/** Moves the plane when the canvas becomes narrower, so far that the node that is chosen stays in sight: what is known of it opens beside it. */
export function KeepInSight({ place }: { place: Place | undefined }) {
  const flow = useReactFlow()
  const width = useStore((state) => state.width)
  const before = useRef(width)
  useEffect(() => {
    const isNarrower = width < before.current
    before.current = width
    if (!isNarrower || !place) return
    const { x, y, zoom } = flow.getViewport()
    const hidden = (place.x + WIDTH) * zoom + x + MARGIN - width
    if (hidden > 0) void flow.setViewport({ x: x - hidden, y, zoom })
  }, [flow, width, place])
  return null
}
