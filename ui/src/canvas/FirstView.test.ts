import { expect, test } from 'vitest'
import { firstView } from './FirstView'
import { graphOf } from './graph'

const graph = graphOf(
  {
    nodes: [
      { key: 'a', type: 'x' },
      { key: 'b', type: 'x' },
    ],
  },
  new Map(),
)
const size = { width: 1000, height: 600 }
const view = (x: number, y: number) =>
  firstView(
    graph,
    new Map([
      ['a', { x: 0, y: 0 }],
      ['b', { x, y }],
    ]),
    size,
  )

test('what fits is shown whole, in the middle', () => {
  const { x, y, zoom } = view(292, 0)
  expect([x, y, zoom]).toEqual([250, 272, 1])
})
test('what is somewhat larger is shown smaller', () => expect(view(1192, 0).zoom).toBeCloseTo(936 / 1400))
test('of what is much larger, the beginning is shown, and can be read', () => {
  const { x, y, zoom } = view(9000, 3000)
  expect([x, y, zoom]).toEqual([32, 286, 0.5])
})
