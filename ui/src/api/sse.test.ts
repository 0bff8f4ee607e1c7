import { expect, test } from 'vitest'
import { MessageReader } from './sse'

const check = (pieces: string[], expected: unknown[]) => {
  const reader = new MessageReader()
  expect(pieces.flatMap((piece) => reader.push(piece))).toEqual(expected)
}

test('messages come out whole, wherever the pieces end', () => {
  const first = { id: '2', event: 'node_starting', data: '{"a":1}' }
  check(['id: 2\nevent: node_starting\ndata: {"a":1}\n\n'], [first])
  check(['id: 2\neve', 'nt: node_starting\nda', 'ta: {"a":1}\n', '\n'], [first])
  check([':\n\n: alive\n\nid:2\nevent:node_starting\ndata:{"a":1}\r\n\r\n'], [first])
  check(
    ['data: a\ndata: b\n\ndata: c\n\n'],
    [
      { id: null, event: 'message', data: 'a\nb' },
      { id: null, event: 'message', data: 'c' },
    ],
  )
  check(['data: not finished'], [])
})
