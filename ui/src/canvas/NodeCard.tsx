import { IconAlertTriangle, IconClockEdit, IconNote, IconPinned } from '@tabler/icons-react'
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { memo } from 'react'
import { statusLook } from '~/parts/status'
import classes from './canvas.module.css'
import { type CanvasNode, hasPortRows, heightOf, portTop, WIDTH } from './graph'
import { iconOf } from './icons'
import type { NodeMark } from './marks'

export type CardData = { node: CanvasNode; mark?: NodeMark; editable: boolean }
export type CardNode = Node<CardData, 'card'>

function Ports({ node, side }: { node: CanvasNode; side: 'in' | 'out' }) {
  const ports = side === 'in' ? node.inputs : node.outputs
  const named = hasPortRows(node)
  return ports.map((port, place) => (
    <div key={port}>
      <Handle
        id={port}
        type={side === 'in' ? 'target' : 'source'}
        position={side === 'in' ? Position.Left : Position.Right}
        className={classes.port}
        style={{ top: portTop(node, place) }}
        title={port}
      />
      {named && (
        <span className={side === 'in' ? classes.inLabel : classes.outLabel} style={{ top: portTop(node, place) }}>
          {cut(port, 14)}
        </span>
      )}
    </div>
  ))
}

function Corner({ mark, node }: { mark?: NodeMark; node: CanvasNode }) {
  const look = mark?.status && statusLook[mark.status]
  const Mark = look?.icon
  return (
    <div className={classes.corner}>
      {node.notes && <IconNote size={14} aria-label={node.notes} />}
      {node.pinned && <IconPinned size={14} aria-label="Its output is pinned" className={classes.pin} />}
      {mark?.stale && (
        <IconClockEdit size={14} aria-label="Its output is older than its parameters" className={classes.warning} />
      )}
      {(mark?.errors || mark?.warnings) && (
        <span className={mark.errors ? classes.error : classes.warning} title={problemsText(mark)}>
          <IconAlertTriangle size={15} aria-label={problemsText(mark)} />
        </span>
      )}
      {mark?.order && <span className={classes.order}>{mark.order}</span>}
      {look && Mark && (
        <span className={classes.status} data-color={look.color} title={look.label}>
          <Mark size={12} stroke={2.5} aria-hidden />
          {(mark?.runs ?? 0) > 1 && <span>×{mark?.runs}</span>}
        </span>
      )}
    </div>
  )
}

/** A text that fits where it stands. */
const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text)

const problemsText = (mark: NodeMark) =>
  [mark.errors ? `${mark.errors} to mend` : '', mark.warnings ? `${mark.warnings} to look at` : '']
    .filter(Boolean)
    .join(', ')

/** A node on the canvas. */
export const NodeCard = memo(function NodeCard({ data, selected }: NodeProps<CardNode>) {
  const { node, mark } = data
  const Mark = iconOf(node.type, node.kind)
  const tone = mark?.errors ? 'error' : mark?.status
  return (
    <div
      className={classes.card}
      data-selected={selected || undefined}
      data-tone={tone}
      data-current={mark?.current || undefined}
      data-dimmed={mark?.dimmed || node.disabled || undefined}
      data-kind={node.kind}
      style={{ width: WIDTH, height: heightOf(node) }}
    >
      <div className={classes.head}>
        <span className={classes.icon} data-kind={node.kind}>
          <Mark size={18} stroke={1.7} aria-hidden />
        </span>
        <span className={classes.words}>
          <span className={classes.name} title={node.name}>
            {cut(node.name, 19)}
          </span>
          <span className={classes.title}>
            {cut(mark?.note ?? (node.disabled ? `${node.title}, disabled` : node.title), 25)}
          </span>
        </span>
      </div>
      <Corner mark={mark} node={node} />
      <Ports node={node} side="in" />
      <Ports node={node} side="out" />
    </div>
  )
})
