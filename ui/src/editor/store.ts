import { createContext, useContext } from 'react'
import { createStore, type StoreApi, useStore } from 'zustand'
import type { Finding, StoredWorkflow, WorkflowDocument } from '~/api/types'
import type { Selection } from '~/canvas/WorkflowCanvas'
import { keep } from './keep'

/** How far back one can go. */
const KEPT = 200

/** Changes of one field within this time are undone together. */
const TOGETHER_MS = 1_200

interface Step {
  document: WorkflowDocument
  /** What was done, for people: "Connect start to double". */
  label: string
}

export interface EditorState {
  document: WorkflowDocument
  /** What the server has, and its version: the draft differs from it, or not. */
  saved: { document: WorkflowDocument; version: number }
  past: Step[]
  future: Step[]
  /** Changes with the same mark, soon after each other, are one step. */
  lastMark: { mark: string; at: number } | null
  selection: Selection
  findings: Finding[]

  edit: (label: string, change: (document: WorkflowDocument) => WorkflowDocument, mark?: string) => void
  undo: () => void
  redo: () => void
  select: (selection: Selection) => void
  setFindings: (findings: Finding[]) => void
  /** The server has this document now, as this version. */
  wasSaved: (document: WorkflowDocument, version: number) => void
  /** The draft is based on another version from now on; what is on the canvas stays. */
  rebase: (stored: StoredWorkflow) => void
}

export type EditorStore = StoreApi<EditorState>

const NOTHING: Selection = { nodes: [], links: [] }

/** The one store of an open editor. The time is handed in, so that tests need no clock. */
export function createEditor(stored: StoredWorkflow, now: () => number = Date.now): EditorStore {
  return createStore<EditorState>()((set, get) => ({
    document: stored.workflow,
    saved: { document: stored.workflow, version: stored.version },
    past: [],
    future: [],
    lastMark: null,
    selection: NOTHING,
    findings: [],

    edit: (label, change, mark) => {
      const { document, past, lastMark } = get()
      const next = change(document)
      if (next === document) return
      const at = now()
      const together = mark !== undefined && lastMark?.mark === mark && at - lastMark.at < TOGETHER_MS
      set({
        document: next,
        past: together ? past : [...past.slice(1 - KEPT), { document, label }],
        future: [],
        lastMark: mark === undefined ? null : { mark, at },
        selection: stillThere(get().selection, next),
      })
    },
    undo: () => {
      const { document, past, future } = get()
      const step = past.at(-1)
      if (!step) return
      const back: Step = { document, label: step.label }
      set({
        document: keep(document, step.document),
        past: past.slice(0, -1),
        future: [...future, back],
        lastMark: null,
        selection: stillThere(get().selection, step.document),
      })
    },
    redo: () => {
      const { document, past, future } = get()
      const step = future.at(-1)
      if (!step) return
      set({
        document: keep(document, step.document),
        past: [...past, { document, label: step.label }],
        future: future.slice(0, -1),
        lastMark: null,
        selection: stillThere(get().selection, step.document),
      })
    },
    select: (selection) => set({ selection }),
    setFindings: (findings) => set({ findings }),
    wasSaved: (document, version) => set({ saved: { document, version } }),
    rebase: (stored) => set({ saved: { document: stored.workflow, version: stored.version } }),
  }))
}

/** A selection without what is gone. */
function stillThere(selection: Selection, document: WorkflowDocument): Selection {
  const keys = new Set(document.nodes.map((node) => node.key))
  const nodes = selection.nodes.filter((key) => keys.has(key))
  return nodes.length === selection.nodes.length ? selection : { ...selection, nodes }
}

export const EditorContext = createContext<EditorStore | null>(null)

export function useEditorStore(): EditorStore {
  const store = useContext(EditorContext)
  if (!store) throw new Error('there is no editor around this component')
  return store
}

/** Something of the open editor's state. */
export function useEditor<T>(pick: (state: EditorState) => T): T {
  return useStore(useEditorStore(), pick)
}
