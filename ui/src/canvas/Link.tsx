import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react'
import { memo } from 'react'
import classes from './canvas.module.css'
import type { CanvasLink } from './graph'
import type { LinkMark } from './marks'

/** `lane`: how far down a connection that leads back goes round. */
export type LinkData = { link: CanvasLink; mark?: LinkMark; lane?: number }
export type LinkEdge = Edge<LinkData, 'link'>

/** A point on the curve between two ports, a part of the way along. */
function along({ sourceX, sourceY, targetX, targetY }: Ends, part: number): { x: number; y: number } {
  const pull = Math.max((targetX - sourceX) / 2, 24)
  const rest = 1 - part
  const mix = (a: number, b: number, c: number, d: number) =>
    rest ** 3 * a + 3 * rest ** 2 * part * b + 3 * rest * part ** 2 * c + part ** 3 * d
  return { x: mix(sourceX, sourceX + pull, targetX - pull, targetX), y: mix(sourceY, sourceY, targetY, targetY) }
}

interface Ends {
  sourceX: number
  sourceY: number
  targetX: number
  targetY: number
}

/** The line of a connection, and where its label stands. One that leads back goes round below. */
function lineOf(ends: Ends, props: EdgeProps<LinkEdge>): [string, number, number] {
  const { sourceX, sourceY, targetX, targetY } = ends
  if (targetX > sourceX - 24) {
    const [path, x, y] = getBezierPath({
      ...ends,
      sourcePosition: props.sourcePosition,
      targetPosition: props.targetPosition,
    })
    return [path, x, y]
  }
  const below = props.data?.lane ?? Math.max(sourceY, targetY) + 76
  const out = sourceX + 26
  const back = targetX - 26
  const r = 14
  const path = [
    `M ${sourceX} ${sourceY}`,
    `L ${out - r} ${sourceY} Q ${out} ${sourceY} ${out} ${sourceY + r}`,
    `L ${out} ${below - r} Q ${out} ${below} ${out - r} ${below}`,
    `L ${back + r} ${below} Q ${back} ${below} ${back} ${below - r}`,
    `L ${back} ${targetY + r} Q ${back} ${targetY} ${back + r} ${targetY}`,
    `L ${targetX} ${targetY}`,
  ].join(' ')
  return [path, (out + back) / 2, below]
}

/** A connection: its line, its place among its siblings, and what passed it. */
export const Link = memo(function Link(props: EdgeProps<LinkEdge>) {
  const { id, sourceX, sourceY, targetX, targetY, data, selected, markerEnd } = props
  const [path, x, y] = lineOf({ sourceX, sourceY, targetX, targetY }, props)
  const mark = data?.mark
  const text = mark?.note ?? (mark?.passed && mark.passed > 1 ? `×${mark.passed}` : null)
  const order = data?.link.order
  const start = along({ sourceX, sourceY, targetX, targetY }, targetX > sourceX ? 0.3 : 0.02)
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        markerEnd={markerEnd}
        interactionWidth={18}
        className={classes.link}
        data-selected={selected || undefined}
        data-taken={(mark?.passed ?? 0) > 0 || undefined}
        data-current={mark?.current || undefined}
        data-dimmed={mark?.dimmed || undefined}
      />
      {(order || text) && (
        <EdgeLabelRenderer>
          {order && (
            <span
              className={classes.linkOrder}
              title={`Branch ${order} of this port: the order in which they run`}
              style={{ transform: `translate(-50%, -50%) translate(${start.x}px, ${start.y}px)` }}
            >
              {order}
            </span>
          )}
          {text && (
            <span className={classes.linkText} style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}>
              {text}
            </span>
          )}
        </EdgeLabelRenderer>
      )}
    </>
  )
})
