import { expect, test } from 'vitest'
import { addNode, removeNodes, setParam } from './document'
import { createEditor } from './store'

const editor = () => {
  const clock = { now: 0 }
  const stored = { id: 'w', version: 1, created_at: '', workflow: { id: 'w', nodes: [{ key: 'a', type: 't' }] } }
  return { clock, store: createEditor(stored, () => clock.now) }
}

test('what is done can be undone, and done again', () => {
  const { store } = editor()
  const first = store.getState().document
  store.getState().edit('Add b', (document) => addNode(document, { key: 'b', type: 't' }))
  const second = store.getState().document
  store.getState().undo()
  expect(store.getState().document).toEqual(first)
  store.getState().redo()
  expect(store.getState().document).toEqual(second)
  store.getState().undo()
  store.getState().edit('Remove a', (document) => removeNodes(document, ['a']))
  expect(store.getState().future).toEqual([])
})

test('nothing done is no step', () => {
  const { store } = editor()
  store.getState().edit('Nothing', (document) => document)
  store.getState().undo()
  store.getState().redo()
  expect(store.getState().past).toEqual([])
})

test('letters typed into one field are one step, until somebody pauses', () => {
  const { store, clock } = editor()
  const type = (value: string) =>
    store.getState().edit('Change', (document) => setParam(document, 'a', 'params', ['x'], value), 'a.x')
  type('1')
  clock.now += 100
  type('12')
  clock.now += 5_000
  type('123')
  expect(store.getState().past).toHaveLength(2)
  store.getState().undo()
  expect(store.getState().document.nodes[0]?.params).toEqual({ x: '12' })
})

test('what is gone is not selected', () => {
  const { store } = editor()
  store.getState().select({ nodes: ['a'], links: [] })
  store.getState().edit('Remove a', (document) => removeNodes(document, ['a']))
  expect(store.getState().selection.nodes).toEqual([])
})

test('undoing keeps the nodes that are the same', () => {
  const { store } = editor()
  const node = store.getState().document.nodes[0]
  store.getState().edit('Add b', (document) => addNode(document, { key: 'b', type: 't' }))
  store.getState().undo()
  expect(store.getState().document.nodes[0]).toBe(node)
})
