import { expect, test } from 'vitest'
import type { RunState } from './replay'
import { timelineOf } from './timeline'

const start = Date.parse('2026-01-01T00:00:00Z')
const at = (ms: number) => new Date(start + ms).toISOString()
const run = (index: number, from: number, to: number | null, waits: RunState['waits'] = []): RunState => ({
  index,
  node: `n${index}`,
  loopPath: '',
  runIndex: 0,
  status: 'completed',
  startedAt: at(from),
  endedAt: to === null ? null : at(to),
  port: 'main',
  retries: 0,
  waits,
})

test('what came first stands to the left, however long the gaps are', () => {
  const month = 30 * 86_400_000
  const { rows } = timelineOf([run(0, 0, 5), run(1, 5, month), run(2, month, month + 2)], start)
  const places = rows.map((row) => row.bars[0]?.from ?? -1)
  expect(places).toEqual([...places].sort((one, other) => one - other))
  const last = rows[2]?.bars[0]
  expect((last?.to ?? 0) - (last?.from ?? 0)).toBeGreaterThan(0.02)
})

test('a wait is a bar of its own between work', () => {
  const waits = [{ from: at(10), to: at(1_000), kind: 'webhook', till: null }]
  const { rows } = timelineOf([run(0, 0, 1_010, waits)], start)
  expect(rows[0]?.bars.map((bar) => bar.kind)).toEqual(['work', 'wait', 'work'])
  expect(rows[0]?.bars[0]?.from).toBe(0)
  expect(rows[0]?.bars.at(-1)?.to).toBe(1)
})

test('what still waits reaches to now', () => {
  const waits = [{ from: at(0), to: null, kind: 'webhook', till: null }]
  const { rows } = timelineOf([run(0, 0, null, waits)], start + 60_000)
  expect(rows[0]?.bars).toEqual([{ kind: 'wait', from: 0, to: 1 }])
})

test('a run that took no time still has a bar', () => {
  expect(timelineOf([run(0, 0, 0)], start).rows[0]?.bars).toHaveLength(1)
})

test('labels keep their distance', () => {
  const { ticks } = timelineOf(
    Array.from({ length: 200 }, (_, index) => run(index, index, index + 1)),
    start,
  )
  expect(ticks.length).toBeLessThanOrEqual(7)
  expect(ticks.length).toBeGreaterThan(2)
})
