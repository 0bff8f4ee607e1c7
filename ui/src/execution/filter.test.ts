import { expect, test } from 'vitest'
import { filterOf, instantOf, isNarrowed } from './filter'

const now = Date.parse('2026-03-02T10:00:30Z')

test('points in time', () => {
  expect(instantOf('-24h', now)).toBe('2026-03-01T10:00:00.000Z')
  expect(instantOf('2026-03-01T00:00:00Z', now)).toBe('2026-03-01T00:00:00.000Z')
  expect(instantOf('soon', now)).toBeUndefined()
  expect(instantOf(undefined, now)).toBeUndefined()
})

test('what the server is asked for', () => {
  expect(filterOf({ status: 'failed', from: '-1h' }, now)).toMatchObject({
    status: 'failed',
    since: '2026-03-02T09:00:00.000Z',
  })
  expect(isNarrowed({})).toBe(false)
  expect(isNarrowed({ text: 'a' })).toBe(true)
})
