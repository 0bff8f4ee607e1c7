import '@xyflow/react/dist/base.css'
import { useComputedColorScheme } from '@mantine/core'
import {
  applyEdgeChanges,
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type Connection,
  Controls,
  type EdgeChange,
  type FinalConnectionState,
  MarkerType,
  MiniMap,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  type Viewport,
} from '@xyflow/react'
import {
  type MouseEvent as ReactMouseEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { Loading } from '~/parts/states'
import classes from './canvas.module.css'
import { type CanvasGraph, heightOf, MAIN, WIDTH } from './graph'
import { Link, type LinkData, type LinkEdge } from './Link'
import { lanesOf } from './lanes'
import type { Place } from './layout'
import type { LinkMarks, NodeMarks } from './marks'
import { type CardNode, NodeCard } from './NodeCard'
import { type Places, usePlaces } from './places'

/** What can be done to the workflow on the canvas; without it the canvas is for looking at. */
export interface Editing {
  onConnect: (from: string, port: string, to: string, toPort: string) => void
  /** A connection was dropped where no node is. */
  onConnectToNothing: (from: string, port: string, at: Place, screen: Place) => void
  onMove: (places: Places) => void
  onMenu?: (screen: Place, node: string | null) => void
  onDrop?: (at: Place, data: DataTransfer) => void
}

export interface Selection {
  nodes: string[]
  links: string[]
}

export interface WorkflowCanvasProps {
  graph: CanvasGraph
  nodeMarks?: NodeMarks
  linkMarks?: LinkMarks
  /** Selected nodes and links; with `onSelect` the canvas tells of changes. */
  selection?: Selection
  onSelect?: (selection: Selection) => void
  /** A click on a node. */
  onPress?: (key: string) => void
  /** Double click, or Enter on a node. */
  onOpen?: (key: string) => void
  editing?: Editing
  /** Tells where the nodes stand, whenever that changes. */
  onPlaces?: (places: Places) => void
  /** A picture of the whole in a corner; on by default for larger workflows. */
  minimap?: boolean
  children?: ReactNode
  /** What the canvas shows, for those who can't see it. */
  label: string
}

const nodeTypes = { card: NodeCard }
const edgeTypes = { link: Link }
const fitOptions = { padding: 0.15, maxZoom: 1 }

/** A workflow as a picture: pan, zoom, fit, select, and, with `editing`, change. */
export function WorkflowCanvas(props: WorkflowCanvasProps) {
  const places = usePlaces(props.graph)
  const { onPlaces } = props
  // biome-ignore lint/correctness/useExhaustiveDependencies: told when the places change, not when the listener does
  useEffect(() => {
    if (places) onPlaces?.(places)
  }, [places])
  if (!places) return <Loading label="Laying the workflow out" />
  return (
    <ReactFlowProvider>
      <Flow {...props} places={places} />
    </ReactFlowProvider>
  )
}

function Flow({
  graph,
  places,
  nodeMarks,
  linkMarks,
  selection,
  onSelect,
  onPress,
  onOpen,
  editing,
  minimap,
  children,
  label,
}: WorkflowCanvasProps & { places: Places }) {
  const colorMode = useComputedColorScheme('light')
  const flow = useReactFlow<CardNode, LinkEdge>()
  const [nodes, setNodes] = useNodes(graph, places, nodeMarks, selection, editing !== undefined)
  const [edges, setEdges] = useEdges(graph, places, linkMarks, selection)
  const frame = useRef<HTMLElement>(null)
  const shield = useRef<HTMLDivElement>(null)
  const onZoom = useCallback(({ zoom }: Viewport) => frame.current?.toggleAttribute('data-far', zoom < FAR), [])
  const told = useRef<Selection>({ nodes: [], links: [] })

  const onNodesChange = useCallback(
    (changes: NodeChange<CardNode>[]) => {
      setNodes((nodes) => applyNodeChanges(changes, nodes))
      const moved = editing ? movedBy(changes) : null
      if (moved) editing?.onMove(moved)
    },
    [setNodes, editing],
  )
  const onEdgesChange = useCallback(
    (changes: EdgeChange<LinkEdge>[]) => setEdges((edges) => applyEdgeChanges(changes, edges)),
    [setEdges],
  )
  const onSelectionChange = useCallback(
    (now: { nodes: CardNode[]; edges: LinkEdge[] }) => {
      const next = { nodes: now.nodes.map((node) => node.id), links: now.edges.map((edge) => edge.id) }
      if (sameSelection(next, told.current)) return
      told.current = next
      onSelect?.(next)
    },
    [onSelect],
  )
  const onConnect = useCallback(
    (made: Connection) =>
      editing?.onConnect(made.source, made.sourceHandle ?? MAIN, made.target, made.targetHandle ?? MAIN),
    [editing],
  )
  const onConnectEnd = useCallback(
    (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
      if (!editing || state.isValid || !state.fromNode || state.fromHandle?.type !== 'source') return
      const point = 'changedTouches' in event ? event.changedTouches[0] : event
      if (!point || state.toNode) return
      const screen = { x: point.clientX, y: point.clientY }
      editing.onConnectToNothing(
        state.fromNode.id,
        state.fromHandle.id ?? MAIN,
        flow.screenToFlowPosition(screen),
        screen,
      )
    },
    [editing, flow],
  )
  const menu = (event: ReactMouseEvent | MouseEvent, node: string | null) => {
    if (!editing?.onMenu) return
    event.preventDefault()
    editing.onMenu({ x: event.clientX, y: event.clientY }, node)
  }
  return (
    <section ref={frame} className={classes.canvas} aria-label={label}>
      <ReactFlow<CardNode, LinkEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        colorMode={colorMode}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onSelectionChange={onSelectionChange}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        onNodeClick={(_, node) => onPress?.(node.id)}
        onNodeDoubleClick={(_, node) => onOpen?.(node.id)}
        onNodeContextMenu={(event, node) => menu(event, node.id)}
        onPaneContextMenu={(event) => menu(event, null)}
        onDragOver={(event) => editing?.onDrop && event.preventDefault()}
        onDrop={(event) => {
          if (!editing?.onDrop) return
          event.preventDefault()
          editing.onDrop(flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }), event.dataTransfer)
        }}
        onKeyDown={(event) => {
          const key = (event.target as HTMLElement).closest<HTMLElement>('.react-flow__node')?.dataset.id
          if (event.key === 'Enter' && key && onOpen) {
            event.preventDefault()
            onOpen(key)
          }
        }}
        nodesDraggable={editing !== undefined}
        nodesConnectable={editing !== undefined}
        onMove={(event) => event?.type === 'mousemove' && setShield(shield.current, true)}
        onViewportChange={onZoom}
        onMoveEnd={() => setShield(shield.current, false)}
        deleteKeyCode={null}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={['Shift', 'Meta', 'Control']}
        zoomOnDoubleClick={false}
        minZoom={0.05}
        maxZoom={2}
        connectionRadius={32}
        fitView
        fitViewOptions={fitOptions}
        proOptions={proOptions}
        elevateNodesOnSelect={false}
        disableKeyboardA11y={editing === undefined}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1.2} />
        <Controls showInteractive={false} fitViewOptions={fitOptions} position="bottom-left" />
        {(minimap ?? graph.nodes.length > 12) && (
          <MiniMap pannable zoomable className={classes.minimap} nodeBorderRadius={6} ariaLabel="Overview" />
        )}
        {children}
      </ReactFlow>
      <div ref={shield} className={classes.shield} />
    </section>
  )
}

/** Where nodes were put, by dragging that ended or by keys; null if none was. */
function movedBy(changes: NodeChange<CardNode>[]): Places | null {
  const moved: Places = new Map()
  for (const change of changes) {
    if (change.type !== 'position' || !change.position || change.dragging !== false) continue
    moved.set(change.id, { x: Math.round(change.position.x), y: Math.round(change.position.y) })
  }
  return moved.size > 0 ? moved : null
}

function setShield(shield: HTMLDivElement | null, on: boolean): void {
  if (shield) shield.style.display = on ? 'block' : ''
}

/** Below this zoom, icons are too small to be seen. */
const FAR = 0.4

const proOptions = { hideAttribution: true }

const sameSelection = (one: Selection, other: Selection) =>
  sameList(one.nodes, other.nodes) && sameList(one.links, other.links)
const sameList = (one: string[], other: string[]) =>
  one.length === other.length && one.every((item, place) => item === other[place])

/** The nodes as the drawing library holds them. One whose node and mark are the same stays the same object, and isn't drawn again. */
function useNodes(
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

function useEdges(graph: CanvasGraph, places: Places, marks: LinkMarks | undefined, selection: Selection | undefined) {
  const chosen = useMemo(() => selection && new Set(selection.links), [selection])
  const build = (before: LinkEdge[]): LinkEdge[] => {
    const old = new Map(before.map((edge) => [edge.id, edge]))
    const names = new Map(graph.nodes.map((node) => [node.key, node.name]))
    const lanes = lanesOf(graph, places)
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
