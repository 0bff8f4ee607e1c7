import type { Connection, FinalConnectionState, OnSelectionChangeParams, ReactFlowInstance } from '@xyflow/react'
import { type DragEvent, type KeyboardEvent, useMemo, useRef } from 'react'
import { MAIN } from './graph'
import type { LinkEdge } from './Link'
import type { CardNode } from './NodeCard'
import type { Selection, WorkflowCanvasProps } from './WorkflowCanvas'

/** What the canvas does on what happens on it. The handlers stay the same for ever: a new one would have every node drawn again. */
export function useHandlers(props: WorkflowCanvasProps, flow: ReactFlowInstance<CardNode, LinkEdge>) {
  const now = useRef(props)
  now.current = props
  return useMemo(() => {
    const editing = () => now.current.editing
    let told: Selection = { nodes: [], links: [] }
    return {
      onSelectionChange: ({ nodes, edges }: OnSelectionChangeParams<CardNode, LinkEdge>) => {
        const next = { nodes: nodes.map((node) => node.id), links: edges.map((edge) => edge.id) }
        if (sameSelection(next, told)) return
        told = next
        now.current.onSelect?.(next)
      },
      onConnect: (made: Connection) =>
        editing()?.onConnect(made.source, made.sourceHandle ?? MAIN, made.target, made.targetHandle ?? MAIN),
      onConnectEnd: (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
        if (state.isValid || state.toNode || !state.fromNode || state.fromHandle?.type !== 'source') return
        const point = 'changedTouches' in event ? event.changedTouches[0] : event
        if (!point) return
        const at = flow.screenToFlowPosition({ x: point.clientX, y: point.clientY })
        editing()?.onConnectToNothing(state.fromNode.id, state.fromHandle.id ?? MAIN, at)
      },
      onNodeClick: (_: unknown, node: CardNode) => now.current.onPress?.(node.id),
      onNodeDoubleClick: (_: unknown, node: CardNode) => now.current.onOpen?.(node.id),
      onDragOver: (event: DragEvent) => editing()?.onDrop && event.preventDefault(),
      onDrop: (event: DragEvent) => {
        const onDrop = editing()?.onDrop
        if (!onDrop) return
        event.preventDefault()
        onDrop(flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }), event.dataTransfer)
      },
      onKeyDown: (event: KeyboardEvent) => {
        const key = (event.target as HTMLElement).closest<HTMLElement>('.react-flow__node')?.dataset.id
        if (event.key !== 'Enter' || !key || !now.current.onOpen) return
        event.preventDefault()
        now.current.onOpen(key)
      },
    }
  }, [flow])
}

const sameSelection = (one: Selection, other: Selection) =>
  sameList(one.nodes, other.nodes) && sameList(one.links, other.links)
const sameList = (one: string[], other: string[]) =>
  one.length === other.length && one.every((item, place) => item === other[place])
