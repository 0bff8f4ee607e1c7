import '@xyflow/react/dist/base.css'
import { useComputedColorScheme } from '@mantine/core'
import {
  applyEdgeChanges,
  applyNodeChanges,
  Controls,
  type EdgeChange,
  type NodeChange,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from '@xyflow/react'
import { type ReactNode, useCallback, useEffect, useRef } from 'react'
import { Loading } from '~/parts/states'
import classes from './canvas.module.css'
import { Dots } from './Dots'
import { useEdges, useNodes } from './elements'
import { FirstView } from './FirstView'
import type { CanvasGraph } from './graph'
import { useHandlers } from './handlers'
import { KeepInSight } from './KeepInSight'
import { Link, type LinkEdge } from './Link'
import type { Place } from './layout'
import type { LinkMarks, NodeMarks } from './marks'
import { type CardNode, NodeCard } from './NodeCard'
import { Overview } from './Overview'
import { type Places, usePlaces } from './places'
import { LiveViewportProvider, useViewport } from './viewport'

/** What can be done to the workflow on the canvas; without it the canvas is for looking at. */
export interface Editing {
  onConnect: (from: string, port: string, to: string, toPort: string) => void
  /** A connection was dropped where no node is. */
  onConnectToNothing: (from: string, port: string, at: Place) => void
  onMove: (places: Places) => void
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
const fitOptions = { padding: 0.06, maxZoom: 1 }

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

const SELECT_KEYS = ['Shift', 'Meta', 'Control']

function Flow(props: WorkflowCanvasProps & { places: Places }) {
  const { graph, places, nodeMarks, linkMarks, selection, editing, minimap, children, label } = props
  const isEditable = editing !== undefined
  const alone = selection?.nodes.length === 1 ? selection.nodes[0] : undefined
  const colorMode = useComputedColorScheme('light')
  const flow = useReactFlow<CardNode, LinkEdge>()
  const [nodes, setNodes] = useNodes(graph, places, nodeMarks, selection, isEditable)
  const [edges, setEdges] = useEdges(graph, places, linkMarks, selection)
  const frame = useRef<HTMLElement>(null)
  const { live, ...moving } = useViewport(frame)
  const handlers = useHandlers(props, flow)
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
  return (
    <section ref={frame} className={classes.canvas} aria-label={label}>
      <LiveViewportProvider value={live}>
        <Dots />
        <ReactFlow<CardNode, LinkEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          colorMode={colorMode}
          onNodesChange={onNodesChange}
          onEdgesChange={onEdgesChange}
          {...handlers}
          {...moving}
          nodesDraggable={isEditable}
          nodesConnectable={isEditable}
          deleteKeyCode={null}
          selectionKeyCode="Shift"
          multiSelectionKeyCode={SELECT_KEYS}
          zoomOnDoubleClick={false}
          minZoom={0.05}
          maxZoom={2}
          connectionRadius={32}
          proOptions={proOptions}
          elevateNodesOnSelect={false}
          disableKeyboardA11y={!isEditable}
        >
          <FirstView graph={graph} places={places} editable={isEditable} />
          {alone !== undefined && <KeepInSight key={alone} place={places.get(alone)} />}
          <Controls showInteractive={false} fitViewOptions={fitOptions} position="bottom-left" />
          {(minimap ?? graph.nodes.length > 12) && <Overview graph={graph} places={places} />}
          {children}
        </ReactFlow>
      </LiveViewportProvider>
      <div className={classes.shield} />
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

const proOptions = { hideAttribution: true }
