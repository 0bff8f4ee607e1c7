import { MarkerType } from '@xyflow/react'
import { useEffect, useMemo, useState } from 'react'
import { type CanvasGraph, heightOf, WIDTH } from './graph'
import type { LinkData, LinkEdge } from './Link'
import { lanesOf } from './lanes'
import type { LinkMarks, NodeMarks } from './marks'
import type { CardNode } from './NodeCard'
import type { Places } from './places'
import type { Selection } from './WorkflowCanvas'

/** The nodes as the drawing library holds them. One whose node and mark are the same stays the same object, and isn't drawn again. */
export function useNodes(
  graph: CanvasGraph,
  places: Places,
  marks: NodeMarks | undefined,
  selection: Selection | undefined,
  editable: boolean,
) {
  const chosen = useMemo(() => selection && new Set(selection.nodes), [selection])
  const build = (before: CardNode[]): CardNode[] => {
    const old = new Map(before.map((node) => [node.id, node]))
    return graph.nodes.map((node) => {
      const was = old.get(node.key)
      const mark = marks?.get(node.key)
      const position = was?.dragging ? was.position : (places.get(node.key) ?? { x: 0, y: 0 })
      const same = was?.data.node === node && was.data.mark === mark && was.data.editable === editable
      const selected = chosen ? chosen.has(node.key) : was?.selected
      if (was && same && was.selected === selected && was.position.x === position.x && was.position.y === position.y)
        return was
      const height = heightOf(node)
      return {
        ...was,
        id: node.key,
        type: 'card',
        position,
        selected,
        width: WIDTH,
        height,
        ariaLabel: `${node.name}, ${node.title}`,
        data: same && was ? was.data : { node, mark, editable },
      }
    })
  }
  const [nodes, setNodes] = useState<CardNode[]>(() => build([]))
  // biome-ignore lint/correctness/useExhaustiveDependencies: `build` reads exactly these
  useEffect(() => setNodes(build), [graph, places, marks, chosen, editable])
  return [nodes, setNodes] as const
}

export function useEdges(
  graph: CanvasGraph,
  places: Places,
  marks: LinkMarks | undefined,
  selection: Selection | undefined,
) {
  const chosen = useMemo(() => selection && new Set(selection.links), [selection])
  const lanes = useMemo(() => lanesOf(graph, places), [graph, places])
  const build = (before: LinkEdge[]): LinkEdge[] => {
    const old = new Map(before.map((edge) => [edge.id, edge]))
    const names = new Map(graph.nodes.map((node) => [node.key, node.name]))
    return graph.links.map((link) =>
      edgeOf({ link, mark: marks?.get(link.id), lane: lanes.get(link.id) }, old.get(link.id), chosen, names),
    )
  }
  const [edges, setEdges] = useState<LinkEdge[]>(() => build([]))
  // biome-ignore lint/correctness/useExhaustiveDependencies: `build` reads exactly these
  useEffect(() => setEdges(build), [graph, places, marks, chosen])
  return [edges, setEdges] as const
}

const arrow = { type: MarkerType.ArrowClosed, width: 16, height: 16 }

function edgeOf(
  data: LinkData,
  was: LinkEdge | undefined,
  chosen: Set<string> | undefined,
  names: Map<string, string>,
): LinkEdge {
  const { link, mark, lane } = data
  const selected = chosen ? chosen.has(link.id) : was?.selected
  const known = was?.data
  if (
    was &&
    known?.link.order === link.order &&
    known.mark === mark &&
    known.lane === lane &&
    was.selected === selected
  )
    return was
  return {
    ...was,
    id: link.id,
    type: 'link',
    source: link.from,
    sourceHandle: link.port,
    target: link.to,
    targetHandle: link.toPort,
    markerEnd: arrow,
    selected,
    ariaLabel: `From ${names.get(link.from)}, port ${link.port}, to ${names.get(link.to)}`,
    data,
  }
}
