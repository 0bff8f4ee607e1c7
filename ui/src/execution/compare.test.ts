import { expect, test } from 'vitest'
import type { Json, NodeExecution } from '~/api/types'
import { changes, compareRuns, sameJson } from './compare'

const run = (node_key: string, output: Json, more: Partial<NodeExecution> = {}): NodeExecution => ({
  node_key,
  execution_index: 0,
  run_index: 0,
  status: 'completed',
  started_at: '2026-01-01T00:00:00Z',
  input_from: {},
  output_port: 'main',
  attempts: [],
  loop_path: '',
  output,
  ...more,
})

test('runs stand beside their counterparts', () => {
  const here = [run('a', 1), run('b', 1), run('c', 1), run('d', 1)]
  const there = [run('a', 1), run('b', 2), run('c', 1, { output_port: 'other' }), run('e', 1)]
  expect(compareRuns(here, there).map((pair) => [pair.node, pair.difference])).toEqual([
    ['a', 'same'],
    ['b', 'output'],
    ['c', 'port'],
    ['d', 'only_here'],
    ['e', 'only_there'],
  ])
})

test('iterations are compared with the same iteration', () => {
  const here = [run('a', 1, { loop_path: 'each:0' }), run('a', 2, { loop_path: 'each:1', run_index: 1 })]
  const there = [run('a', 1, { loop_path: 'each:0' })]
  expect(compareRuns(here, there).map((pair) => pair.difference)).toEqual(['same', 'only_here'])
})

const check = (before: Json, after: Json, expected: [string, Json | undefined, Json | undefined][]) =>
  expect(changes(before, after).map((change) => [change.path.join('.'), change.before, change.after])).toEqual(expected)

test('where two values differ', () => {
  check({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, [])
  check({ a: 1, b: [1, 2] }, { a: 2, b: [1, 2, 3] }, [
    ['a', 1, 2],
    ['b.2', undefined, 3],
  ])
  check({ a: { b: 1 } }, { a: [1] }, [['a', { b: 1 }, [1]]])
  check(1, '1', [['', 1, '1']])
})

test('a map that lacks a key is not one that inherits it', () => {
  expect(sameJson({}, JSON.parse('{"toString": null}'))).toBe(false)
})

test('no more differences than asked for', () => {
  const long = Array.from({ length: 1_000 }, (_, place) => place)
  expect(changes(long, [...long].reverse(), 10)).toHaveLength(10)
})
