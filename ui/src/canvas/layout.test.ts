import { expect, test } from 'vitest'
import { layout } from './layout'
import { freePlace } from './places'

const boxes = (keys: string) => [...keys].map((key) => ({ key, width: 100, height: 50 }))
const arrows = (text: string) => text.split(' ').map((pair) => ({ from: pair.charAt(0), to: pair.charAt(1) }))

test('from left to right, along the arrows', () => {
  const places = layout(boxes('abcd'), arrows('ab ac bd cd'))
  const x = (key: string) => places.get(key)?.x ?? Number.NaN
  expect(x('a')).toBeLessThan(x('b'))
  expect(x('b')).toBe(x('c'))
  expect(x('c')).toBeLessThan(x('d'))
})

test('a way back does not turn a loop around', () => {
  const places = layout(boxes('abc'), arrows('ab bc cb'))
  expect(places.get('b')?.x).toBeLessThan(places.get('c')?.x ?? 0)
})

test('the same graph, the same places; no two boxes in one', () => {
  const many = [...Array(60).keys()].map((n) => ({ key: `n${n}`, width: 100, height: 50 }))
  const links = many.slice(1).map((box, n) => ({ from: `n${Math.floor(n / 2)}`, to: box.key }))
  const places = layout(many, links)
  expect(layout(many, links)).toEqual(places)
  const taken = new Set([...places.values()].map((place) => `${place.x},${place.y}`))
  expect(taken.size).toBe(60)
})

test('a free place is below what stands there', () => {
  const taken = new Map([['a', { x: 0, y: 0 }]])
  expect(freePlace({ x: 0, y: 0 }, 56, taken).y).toBeGreaterThanOrEqual(96)
  expect(freePlace({ x: 400, y: 0 }, 56, taken)).toEqual({ x: 400, y: 0 })
})
