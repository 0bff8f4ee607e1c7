import { useMemo, useRef } from 'react'
import type { Action, WorkflowDocument } from '~/api/types'
import { type CanvasGraph, type CanvasNode, graphOf } from '~/canvas/graph'
import { keep } from './keep'

/** What the canvas draws of the document. What did not change stays the same object, so that it isn't drawn again. */
export function useGraph(document: WorkflowDocument, actions: Map<string, Action>): CanvasGraph {
  const last = useRef<CanvasGraph>({ nodes: [], links: [] })
  const { nodes, connections } = document
  return useMemo(() => {
    last.current = keep(last.current, graphOf({ nodes, connections }, actions))
    return last.current
  }, [nodes, connections, actions])
}

/** A node as it is drawn. */
export function drawnOf(graph: CanvasGraph, key: string): CanvasNode {
  const found = graph.nodes.find((node) => node.key === key)
  return (
    found ?? {
      key,
      name: key,
      type: '',
      title: '',
      kind: 'unknown',
      inputs: [],
      outputs: [],
      disabled: false,
      pinned: false,
      notes: '',
    }
  )
}
