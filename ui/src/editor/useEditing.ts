import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { executions } from '~/api/executions'
import type { Action } from '~/api/types'
import { arrange } from '~/canvas/arrange'
import type { CanvasGraph } from '~/canvas/graph'
import type { Place } from '~/canvas/layout'
import type { Places } from '~/canvas/places'
import {
  addNode,
  connect,
  copyNodes,
  disconnect,
  freeKey,
  moveNodes,
  nodeOf,
  paste,
  readPiece,
  removeNodes,
  setNodeField,
} from './document'
import { homeless, placeFor, portAfter } from './placing'
import { useEditorStore } from './store'
import type { Run } from './useRun'

/** Where a node that is picked from the palette goes, and what leads to it. */
export interface Adding {
  from?: { key: string; port: string }
  at?: Place
}

/** What can be done to the nodes that are selected, and to all. */
export function useEditing(graph: CanvasGraph, places: { current: Places }, run: Run | null) {
  const store = useEditorStore()
  const client = useQueryClient()

  /** Adds a node where it is wanted, connected to what it was dragged from, or to what is selected. */
  const add = useCallback(
    (action: Action, where: Adding) => {
      const { document, selection, edit, select } = store.getState()
      const key = freeKey(document, action.type.split('.').at(-1) ?? action.type)
      const input = action.type === 'data.merge' ? 'input_a' : action.ports.inputs[0]?.name
      const alone = selection.nodes.length === 1 ? selection.nodes[0] : undefined
      const after = where.from ?? (where.at ? undefined : portAfter(graph, alone))
      const position = where.at ?? placeFor(where.from?.key ?? alone, places.current)
      edit(`Add ${action.title}`, (document) => {
        const placed = moveNodes(document, homeless(document, places.current))
        const added = addNode(placed, { key, type: action.type, position })
        return after && input ? connect(added, { from: after.key, port: after.port, to: key, toPort: input }) : added
      })
      select({ nodes: [key], links: [] })
    },
    [store, graph, places],
  )

  return useMemo(() => {
    const { edit, select } = store.getState()
    const chosen = () => store.getState().selection.nodes
    const alone = () => (chosen().length === 1 ? nodeOf(store.getState().document, chosen()[0] ?? '') : undefined)

    const remove = () => {
      const { nodes, links } = store.getState().selection
      if (nodes.length + links.length === 0) return
      const gone = links.map((id) => JSON.parse(id) as [string, string, string, string])
      const ends = gone.map(([from, port, to, toPort]) => ({ from, port, to, toPort }))
      const label =
        nodes.length === 0 ? 'Disconnect' : `Delete ${nodes.length === 1 ? nodes[0] : `${nodes.length} nodes`}`
      edit(label, (document) => disconnect(removeNodes(document, nodes), ends))
      select({ nodes: [], links: [] })
    }

    const copied = () =>
      chosen().length === 0
        ? null
        : JSON.stringify(copyNodes(store.getState().document, chosen(), places.current), null, 2)

    const insert = (text: string | null) => {
      const piece = readPiece(text ?? '')
      if (!piece) return false
      const { document, keys } = paste(store.getState().document, piece, { x: 40, y: 40 })
      edit(keys.length === 1 ? 'Paste a node' : `Paste ${keys.length} nodes`, () => document)
      select({ nodes: keys, links: [] })
      return true
    }

    const toggleDisabled = () => {
      const node = alone()
      if (!node) return
      const disabled = node.disabled ? undefined : true
      edit(`${disabled ? 'Disable' : 'Enable'} ${node.key}`, (document) =>
        setNodeField(document, node.key, 'disabled', disabled),
      )
    }

    const togglePin = async () => {
      const node = alone()
      if (!node) return
      const last = run?.newest.get(node.key)
      const isPinned = node.pinned !== undefined && node.pinned !== null
      if (isPinned) edit(`Unpin ${node.key}`, (document) => setNodeField(document, node.key, 'pinned', undefined))
      else if (run && last) {
        const { output } = await client.fetchQuery(executions.run(run.id, last.execution_index))
        edit(`Pin ${node.key}`, (document) => setNodeField(document, node.key, 'pinned', output ?? undefined))
      }
    }

    const layOut = async () => {
      const made = await arrange(graph)
      edit('Lay out', (document) => moveNodes(document, made))
    }

    const selectAll = () => select({ nodes: store.getState().document.nodes.map((node) => node.key), links: [] })

    return { add, remove, copied, insert, toggleDisabled, togglePin, layOut, selectAll }
  }, [store, client, graph, places, run, add])
}
