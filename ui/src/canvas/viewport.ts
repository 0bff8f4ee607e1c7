import type { Viewport } from '@xyflow/react'
import { createContext, type RefObject, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react'

type Draw = (viewport: Viewport) => void

/** What is seen of the plane, for those who draw it themselves. */
export interface LiveViewport {
  readonly current: Viewport
  /** Draws now, and whenever something else is seen; ends with what it gives. */
  onChange: (draw: Draw) => () => void
}

const START: Viewport = { x: 0, y: 0, zoom: 1 }

function createLive(): LiveViewport & { show: Draw } {
  const drawers = new Set<Draw>()
  let current = START
  return {
    get current() {
      return current
    },
    show: (next) => {
      current = next
      for (const draw of drawers) draw(next)
    },
    onChange: (draw) => {
      drawers.add(draw)
      draw(current)
      return () => drawers.delete(draw)
    },
  }
}

const LiveContext = createContext<LiveViewport>(createLive())
export const LiveViewportProvider = LiveContext.Provider

/** Draws what depends on what is seen, without a state of its own. */
export function useDrawing(draw: Draw): void {
  const live = useContext(LiveContext)
  useEffect(() => live.onChange(draw), [live, draw])
}

/** Below this zoom, icons are too small to be seen. */
const FAR = 0.4

/** How long a wheel may rest within a movement. */
const WHEEL_MS = 300

/** True for what a person does; programs move at once. */
const byHand = (event: MouseEvent | TouchEvent | null) => event !== null && event !== undefined

/**
 * What is seen of the plane. While a person moves it, it is drawn straight into the page, and nobody else is told until the movement ends:
 * every node, port and connection would ask itself in every frame whether that concerns it.
 */
export function useViewport(frame: RefObject<HTMLElement | null>) {
  const live = useMemo(createLive, [])
  const [viewport, setViewport] = useState(START)
  const isMoving = useRef(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const onViewportChange = useCallback(
    (next: Viewport) => {
      drawPlane(frame.current, next)
      live.show(next)
      if (!isMoving.current) setViewport(next)
    },
    [frame, live],
  )
  const onMoveStart = useCallback((event: MouseEvent | TouchEvent | null) => {
    clearTimeout(timer.current)
    isMoving.current = byHand(event)
  }, [])
  const onMove = useCallback(
    (event: MouseEvent | TouchEvent | null) => {
      // Lets the shield lie over everything.
      if (event?.type === 'mousemove') frame.current?.toggleAttribute('data-moving', true)
    },
    [frame],
  )
  const settle = useCallback(() => {
    clearTimeout(timer.current)
    isMoving.current = false
    setViewport(live.current)
  }, [live])
  const onMoveEnd = useCallback(
    (event: MouseEvent | TouchEvent | null) => {
      frame.current?.toggleAttribute('data-moving', false)
      clearTimeout(timer.current)
      // The next turn of a wheel goes on with the movement.
      if (event?.type === 'wheel') timer.current = setTimeout(settle, WHEEL_MS)
      else settle()
    },
    [frame, settle],
  )
  useEffect(() => {
    const pane = frame.current
    // What is pressed has to be where everybody believes it is.
    pane?.addEventListener('pointerdown', settle, true)
    return () => {
      clearTimeout(timer.current)
      pane?.removeEventListener('pointerdown', settle, true)
    }
  }, [frame, settle])
  return { live, viewport, onViewportChange, onMoveStart, onMove, onMoveEnd }
}

function drawPlane(frame: HTMLElement | null, { x, y, zoom }: Viewport): void {
  const plane = frame?.querySelector<HTMLElement>('.react-flow__viewport')
  if (plane) plane.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`
  frame?.toggleAttribute('data-far', zoom < FAR)
}
