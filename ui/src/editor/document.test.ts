import { describe, expect, test } from 'vitest'
import type { WorkflowDocument } from '~/api/types'
import * as edit from './document'

const base: WorkflowDocument = {
  id: 'w',
  nodes: [
    { key: 'start', type: 'manual.trigger' },
    {
      key: 'a',
      type: 'data.set_data',
      params: { fields: { n: '{{ $nodes.start.output.n }}', m: '{{ $nodes["start"].output }}' } },
    },
    { key: 'b', type: 'core.no_op', position: { x: 10, y: 20 } },
  ],
  connections: { start: { main: [{ to: 'a' }, { to: 'b' }] }, a: { main: [{ to: 'b' }] } },
}

test('keys are made of what is wanted, and free', () => {
  const check = (wanted: string, key: string) => expect(edit.freeKey(base, wanted)).toBe(key)
  check('c', 'c')
  check('a', 'a_2')
  check('Set data!', 'Set_data')
  check('', 'node')
})

describe('connections', () => {
  test('a new one is the last of its port', () => {
    const next = edit.connect(base, { from: 'b', port: 'main', to: 'a', toPort: 'main' })
    expect(next.connections?.b).toEqual({ main: [{ to: 'a' }] })
  })
  test('one that is there already changes nothing', () => {
    expect(edit.connect(base, { from: 'a', port: 'main', to: 'b', toPort: 'main' })).toBe(base)
  })
  test('other input ports are named', () => {
    const next = edit.connect(base, { from: 'b', port: 'main', to: 'a', toPort: 'input_b' })
    expect(next.connections?.b).toEqual({ main: [{ to: 'a', to_port: 'input_b' }] })
  })
  test('the last one of a port takes the port with it', () => {
    const next = edit.disconnect(base, [{ from: 'a', port: 'main', to: 'b', toPort: 'main' }])
    expect(next.connections).toEqual({ start: { main: [{ to: 'a' }, { to: 'b' }] } })
  })
  test('order can be changed, and is nothing else', () => {
    const end = { from: 'start', port: 'main', to: 'b', toPort: 'main' }
    expect(edit.moveConnection(base, end, -1).connections?.start).toEqual({ main: [{ to: 'b' }, { to: 'a' }] })
    expect(edit.moveConnection(base, end, 1)).toBe(base)
  })
})

test('nodes go with their connections', () => {
  const next = edit.removeNodes(base, ['b'])
  expect(next.nodes.map((node) => node.key)).toEqual(['start', 'a'])
  expect(next.connections).toEqual({ start: { main: [{ to: 'a' }] } })
  expect(edit.removeNodes(base, ['start', 'a', 'b']).connections).toBeUndefined()
})

test('what does not change stays the same object', () => {
  const next = edit.setParam(base, 'a', 'params', ['fields', 'n'], 1)
  expect(next.nodes[0]).toBe(base.nodes[0])
  expect(next.connections).toBe(base.connections)
  expect(edit.moveNodes(base, new Map([['b', { x: 10, y: 20 }]]))).toBe(base)
})

test('parameters: set deep, in lists, and taken out', () => {
  const check = (path: (string | number)[], value: never, params: unknown) =>
    expect(edit.setParam(base, 'b', 'params', path, value).nodes[2]?.params).toEqual(params)
  check(['x'], 1 as never, { x: 1 })
  check(['cases', 0, 'port'], 'p' as never, { cases: [{ port: 'p' }] })
  const none = edit.setParam(edit.setParam(base, 'b', 'params', ['x'], 1), 'b', 'params', ['x'], undefined)
  expect(none.nodes[2]).toEqual(base.nodes[2])
})

test('a new key is used in connections and in templates', () => {
  const next = edit.renameKey(base, 'start', 'begin')
  expect(next.connections).toEqual({ begin: { main: [{ to: 'a' }, { to: 'b' }] }, a: { main: [{ to: 'b' }] } })
  expect(next.nodes[1]?.params).toEqual({
    fields: { n: '{{ $nodes.begin.output.n }}', m: '{{ $nodes["begin"].output }}' },
  })
  expect(edit.renameKey(base, 'start', 'a')).toBe(base)
  expect(edit.renameKey(base, 'start', 'not a key')).toBe(base)
})

test('copied nodes come with the connections between them, under free keys', () => {
  const piece = edit.copyNodes(base, ['start', 'a'], new Map([['start', { x: 1, y: 2 }]]))
  expect(piece.connections).toEqual({ start: { main: [{ to: 'a' }] } })
  const read = edit.readPiece(JSON.stringify(piece))
  if (!read) throw new Error('a piece reads back')
  const { document, keys } = edit.paste(base, read, { x: 30, y: 30 })
  expect(keys).toEqual(['start_2', 'a_2'])
  expect(document.connections?.start_2).toEqual({ main: [{ to: 'a_2' }] })
  expect(edit.nodeOf(document, 'start_2')?.position).toEqual({ x: 31, y: 32 })
  expect(edit.nodeOf(document, 'a_2')?.params?.fields).toEqual({
    n: '{{ $nodes.start_2.output.n }}',
    m: '{{ $nodes["start_2"].output }}',
  })
  expect(edit.nodeOf(document, 'a')).toBe(base.nodes[1])
})

test.each(['', 'text', '{"nodes": 3}', '{"nodes": [{"key": 1}]}', '[]'])('%j is no piece of a workflow', (text) => {
  expect(edit.readPiece(text)).toBeNull()
})
