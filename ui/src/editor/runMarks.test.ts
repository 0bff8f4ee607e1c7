import { expect, test } from 'vitest'
import type { NodeExecution } from '~/api/types'
import { linkId } from '~/canvas/graph'
import { marksOfRuns, passed } from './runMarks'

const link = (from: string, port: string, to: string) => ({
  id: linkId(from, port, to, 'main'),
  from,
  port,
  to,
  toPort: 'main',
  order: null,
})
let index = 0
const run = (node_key: string, run_index: number, output_port: string, from: number[]): NodeExecution => ({
  node_key,
  run_index,
  output_port,
  execution_index: index++,
  status: 'completed',
  started_at: '',
  input_from: from.length === 0 ? {} : { main: from },
  attempts: [],
  loop_path: '',
})

// start -> each; each.loop -> body -> each, twice; each.done -> end
const runs = [
  run('start', 0, 'main', []),
  run('each', 0, 'loop', [0]),
  run('body', 0, 'main', [1]),
  run('each', 1, 'loop', []),
  run('body', 1, 'main', [3]),
  run('each', 2, 'done', []),
  run('end', 0, 'main', [5]),
]
const links = [link('start', 'main', 'each'), link('body', 'main', 'each'), link('end', 'main', 'never')]

test.each([
  [link('start', 'main', 'each'), 1],
  [link('each', 'loop', 'body'), 2],
  [link('body', 'main', 'each'), 2],
  [link('each', 'done', 'end'), 1],
  [link('end', 'main', 'never'), undefined],
])('connection %# was passed as often as it was', ({ id }, times) =>
  expect(passed(runs, links).get(id)?.passed).toBe(times),
)

test('a node is marked with how often it ran, and how it ended last', () =>
  expect(marksOfRuns(runs).get('each')).toEqual({ status: 'completed', runs: 3 }))
