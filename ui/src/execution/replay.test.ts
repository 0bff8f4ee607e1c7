import { expect, test } from 'vitest'
import type { LiveEvent } from '~/api/types'
import { linkId } from '~/canvas/graph'
import { marksAt, Replay } from './replay'

let number = 0
const event = (kind: LiveEvent['kind'], more: Partial<LiveEvent> = {}): LiveEvent => ({
  kind,
  number: ++number,
  at: `2026-01-01T00:00:${String(number).padStart(2, '0')}Z`,
  execution_id: 'e',
  workflow_id: 'w',
  workflow_version: 1,
  ...more,
})
const run = (index: number, node: string, port = 'main', loop_path = ''): LiveEvent[] => [
  event('node_starting', { execution_index: index, node_key: node, run_index: 0, loop_path }),
  event('node_completed', { execution_index: index, port }),
]
const replayOf = (...events: LiveEvent[]) => {
  const replay = new Replay()
  replay.add(events)
  return replay
}

test('a run that begins and ends at once is one step', () => {
  const replay = replayOf(event('execution_started'), ...run(0, 'a'), ...run(1, 'b'), event('execution_completed'))
  expect(replay.steps.map((step) => [step.kind, step.node])).toEqual([
    ['execution_started', undefined],
    ['node_completed', 'a'],
    ['node_completed', 'b'],
    ['execution_completed', undefined],
  ])
})

test('a wait and its end are steps of their own, and the run knows how long it waited', () => {
  const replay = replayOf(
    event('node_starting', { execution_index: 0, node_key: 'ask', run_index: 0, loop_path: '' }),
    event('node_suspended', { execution_index: 0, waits_for: 'webhook', wait_till: null }),
    event('execution_suspended'),
    event('execution_resumed'),
    event('node_completed', { execution_index: 0, port: 'main' }),
  )
  expect(replay.steps.map((step) => step.kind)).toEqual([
    'node_suspended',
    'execution_suspended',
    'execution_resumed',
    'node_completed',
  ])
  const ask = replay.runs.get(0)
  expect(ask?.status).toBe('completed')
  expect(ask?.waits).toHaveLength(1)
  expect(ask?.waits[0]?.to).toBe(ask?.endedAt)
})

test('an event that came before is passed over', () => {
  const first = event('execution_started')
  const replay = replayOf(first)
  expect(replay.add([first])).toBe(false)
  expect(replay.steps).toHaveLength(1)
})

test('a failed attempt counts, and the next one runs', () => {
  const replay = replayOf(
    event('node_starting', { execution_index: 0, node_key: 'fetch', run_index: 0, loop_path: '' }),
    event('node_retrying', { execution_index: 0, error: { code: 'http.timeout', message: 'too late' } }),
    event('node_starting', { execution_index: 0 }),
    event('node_completed', { execution_index: 0, port: 'main' }),
  )
  expect(replay.runs.get(0)?.retries).toBe(1)
  expect(replay.runs.get(0)?.status).toBe('completed')
})

test('marks at a step: what ran, in which order, which way was taken', () => {
  const link = (from: string, port: string, to: string) => ({
    id: linkId(from, port, to, 'main'),
    from,
    port,
    to,
    toPort: 'main',
    order: null,
  })
  const links = [link('if', 'true', 'yes'), link('if', 'false', 'no')]
  const replay = replayOf(...run(0, 'if', 'true'), ...run(1, 'yes'))
  const keys = ['if', 'yes', 'no']

  const first = marksAt(replay.steps, 1, keys, links)
  expect(first.nodes.get('if')).toMatchObject({ status: 'completed', order: '1', current: true })
  expect(first.nodes.get('yes')).toEqual({ dimmed: true })

  const second = marksAt(replay.steps, 2, keys, links)
  expect(second.nodes.get('yes')).toMatchObject({ order: '2', current: true })
  expect(second.links.get(linkId('if', 'true', 'yes', 'main'))).toEqual({ passed: 1, current: true, dimmed: false })
  expect(second.links.get(linkId('if', 'false', 'no', 'main'))).toEqual({ passed: 0, current: false, dimmed: true })
})

test('many runs of a node: the first orders and how many', () => {
  const replay = replayOf(...[0, 1, 2, 3, 4].flatMap((index) => run(index, 'each', 'loop')))
  const mark = marksAt(replay.steps, 5, ['each'], []).nodes.get('each')
  expect(mark).toMatchObject({ runs: 5, order: '1, 2, 3, …' })
})
