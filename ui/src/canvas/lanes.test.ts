import { expect, test } from 'vitest'
import { graphOf } from './graph'
import { lanesOf } from './lanes'

const places = new Map([
  ['a', { x: 0, y: 0 }],
  ['b', { x: 300, y: 100 }],
  ['c', { x: 600, y: 0 }],
])
const nodes = ['a', 'b', 'c'].map((key) => ({ key, type: 'x' }))
const lanes = (connections: { [from: string]: string }) =>
  lanesOf(
    graphOf(
      {
        nodes,
        connections: Object.fromEntries(Object.entries(connections).map(([from, to]) => [from, { main: [{ to }] }])),
      },
      new Map(),
    ),
    places,
  )

test('what leads on has no lane', () => expect(lanes({ a: 'b' }).size).toBe(0))
test('what leads back goes round below what stands between', () => {
  const [y] = lanes({ c: 'a' }).values()
  expect(y).toBeGreaterThan(156)
})
test('a node may lead to itself', () => expect(lanes({ b: 'b' }).size).toBe(1))
test('two ways back do not lie on each other', () => {
  const [one = 0, other = 0] = lanes({ c: 'a', b: 'a' }).values()
  expect(Math.abs(one - other)).toBeGreaterThanOrEqual(14)
})

const row = new Map([
  ['a', { x: 0, y: 0 }],
  ['b', { x: 300, y: 0 }],
  ['c', { x: 600, y: 0 }],
])
const past = (connections: { [from: string]: { to: string }[] }) =>
  lanesOf(
    graphOf(
      { nodes, connections: Object.fromEntries(Object.entries(connections).map(([from, to]) => [from, { main: to }])) },
      new Map(),
    ),
    row,
  )

test('what would run behind a node goes past it', () => {
  const [y = 0, ...others] = past({ a: [{ to: 'c' }], b: [{ to: 'c' }] }).values()
  expect(others).toEqual([])
  expect(y < 0 || y > 56).toBe(true)
})
test('what goes past the same nodes does not lie on each other', () => {
  const lanes = lanesOf(
    graphOf({ nodes, connections: { a: { main: [{ to: 'c' }], other: [{ to: 'c' }] } } }, new Map()),
    row,
  )
  const [one = 0, other = 0] = lanes.values()
  expect(lanes.size).toBe(2)
  expect(Math.abs(one - other)).toBeGreaterThanOrEqual(14)
})
