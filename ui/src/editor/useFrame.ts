import { useDisclosure } from '@mantine/hooks'
import { useCallback, useMemo, useRef, useState } from 'react'
import type { Action, Json, NodeDocument } from '~/api/types'
import type { CanvasGraph, CanvasLink } from '~/canvas/graph'
import type { Places } from '~/canvas/places'
import { isEnded } from '~/parts/status'
import { triggersOf } from './actionSearch'
import { nodeOf } from './document'
import type { DialogName } from './EditorDialogs'
import { useEditor, useEditorStore } from './store'
import { type Adding, useEditing } from './useEditing'
import { useGraph } from './useGraph'
import { type Run, useRun } from './useRun'
import { useStale } from './useStale'
import { useWork, type Work } from './useWork'

export interface FrameProps {
  actions: Action[]
  byType: Map<string, Action>
  active: number | null
  /** The execution that is looked at: from the address, or the last one. */
  executionId: string | null
  /** The node that is open, from the address. */
  openKey: string | undefined
  setSearch: (search: { node?: string; execution?: string }) => void
}

/** What an open editor is made of: what it shows, what is open in it, and what can be done. */
export interface Frame {
  byType: Map<string, Action>
  graph: CanvasGraph
  run: Run | null
  stale: Set<string>
  places: { current: Places }
  editing: ReturnType<typeof useEditing>
  work: Work
  adding: Adding | null
  setAdding: (adding: Adding | null) => void
  dialog: DialogName
  setDialog: (dialog: DialogName) => void
  yaml: { isOpen: boolean; toggle: () => void; close: () => void }
  /** What the last run began with. */
  lastInput: Json | undefined
  /** The one node, or the one connection, that is selected. */
  chosen: Chosen
  opened: NodeDocument | undefined
  open: (key: string | undefined) => void
  pick: (action: Action, where: Adding) => void
  /** Runs the draft; asks where to start if it has several triggers. */
  start: () => void
  unselect: () => void
}

interface Chosen {
  node?: NodeDocument
  link?: CanvasLink
}

export function useFrame({ byType, executionId, openKey, setSearch }: FrameProps): Frame {
  const store = useEditorStore()
  const document = useEditor((state) => state.document)
  const [adding, setAdding] = useState<Adding | null>(null)
  const [dialog, setDialog] = useState<DialogName>(null)
  const [isOpen, { toggle, close }] = useDisclosure(false)
  const places = useRef<Places>(new Map())
  const graph = useGraph(document, byType)
  const run = useRun(executionId, graph)
  const editing = useEditing(graph, places, run)
  const work = useWork((id) => setSearch({ node: openKey, execution: id }))
  const lastInput = run?.detail?.execution.trigger_data
  const pick = useCallback(
    (action: Action, where: Adding) => {
      editing.add(action, where)
      setAdding(null)
    },
    [editing],
  )
  return {
    byType,
    graph,
    run,
    stale: useStale(run),
    places,
    editing,
    work,
    adding,
    setAdding,
    dialog,
    setDialog,
    yaml: { isOpen, toggle, close },
    lastInput,
    chosen: useChosen(graph),
    opened: openKey === undefined ? undefined : nodeOf(document, openKey),
    open: (key) => setSearch({ node: key, execution: executionId ?? undefined }),
    pick,
    start: () => (triggersOf(document.nodes, byType).length > 1 ? setDialog('run') : work.start(lastInput ?? {})),
    unselect: () => store.getState().select({ nodes: [], links: [] }),
  }
}

function useChosen(graph: CanvasGraph): Chosen {
  const document = useEditor((state) => state.document)
  const { nodes, links } = useEditor((state) => state.selection)
  return useMemo(() => {
    if (nodes.length + links.length !== 1) return {}
    const [key, id] = [nodes[0], links[0]]
    return {
      node: key === undefined ? undefined : nodeOf(document, key),
      link: id === undefined ? undefined : graph.links.find((one) => one.id === id),
    }
  }, [document, nodes, links, graph])
}

/** True while something runs that was started here. */
export function isBusy({ work, run }: Pick<Frame, 'work' | 'run'>): boolean {
  const status = run?.detail?.execution.status
  return work.busy === 'running' || (status !== undefined && !isEnded(status) && status !== 'suspended')
}
