import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react'
import { memo } from 'react'
import classes from './canvas.module.css'
import type { CanvasLink } from './graph'
import { along } from './lanes'
import type { LinkMark } from './marks'

/** `lane`: how far down a connection goes that can't go straight. */
export type LinkData = { link: CanvasLink; mark?: LinkMark; lane?: number }
export type LinkEdge = Edge<LinkData, 'link'>

interface Ends {
  sourceX: number
  sourceY: number
  targetX: number
  targetY: number
}

/** The line of a connection, and where its label stands. One that leads back goes round below, one that would run behind nodes past them. */
function lineOf(ends: Ends, props: EdgeProps<LinkEdge>): [string, number, number] {
  const { sourceX, sourceY, targetX, targetY } = ends
  const lane = props.data?.lane
  if (targetX > sourceX - 24 && lane !== undefined) return pastNodes(ends, lane)
  if (targetX > sourceX - 24) {
    const [path, x, y] = getBezierPath({
      ...ends,
      sourcePosition: props.sourcePosition,
      targetPosition: props.targetPosition,
    })
    return [path, x, y]
  }
  return roundBelow(ends, lane ?? Math.max(sourceY, targetY) + 76)
}

/** How far from its ports a connection takes to its lane. */
const BEND = 56

function pastNodes({ sourceX, sourceY, targetX, targetY }: Ends, lane: number): [string, number, number] {
  const [out, back] = [sourceX + BEND, targetX - BEND]
  const path = [
    `M ${sourceX} ${sourceY} C ${sourceX + 40} ${sourceY} ${out - 40} ${lane} ${out} ${lane}`,
    `L ${back} ${lane} C ${back + 40} ${lane} ${targetX - 40} ${targetY} ${targetX} ${targetY}`,
  ]
  return [path.join(' '), (out + back) / 2, lane]
}

function roundBelow({ sourceX, sourceY, targetX, targetY }: Ends, below: number): [string, number, number] {
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
  const isStraight = targetX > sourceX && data?.lane === undefined
  const start = along({ x: sourceX, y: sourceY }, { x: targetX, y: targetY }, isStraight ? 0.3 : 0.02)
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
