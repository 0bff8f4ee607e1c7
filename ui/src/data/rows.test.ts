import { expect, test } from 'vitest'
import type { Json } from '~/api/types'
import { columnsOf, expressionOf, openAtFirst, PAGE, rowId, rowsOf } from './rows'

const lines = (value: Json, open = openAtFirst(value)) =>
  rowsOf(value, open, new Map()).map((row) =>
    row.kind === 'more' ? `+${row.left}` : `${'  '.repeat(row.depth)}${row.name ?? ''}`,
  )

test('a small value is open at first', () => {
  expect(lines({ a: 1, b: { c: [1, 2] } })).toEqual(['', '  a', '  b', '    c', '      0', '      1'])
})

test('a large container stays closed, the root is shown in parts', () => {
  const long = Array.from({ length: 1_000 }, (_, place) => place)
  expect(lines({ long })).toEqual(['', '  long'])
  const rows = rowsOf(long, openAtFirst(long), new Map())
  expect(rows).toHaveLength(1 + PAGE + 1)
  expect(rows.at(-1)).toMatchObject({ kind: 'more', left: 900 })
  expect(rowsOf(long, openAtFirst(long), new Map([[rowId([]), 1_000]]))).toHaveLength(1_001)
})

test('a path as a template writes it', () => {
  expect(expressionOf('$input', ['orders', 0, 'first name'])).toBe('$input.orders[0]["first name"]')
  expect(expressionOf('$input', [])).toBe('$input')
})

test('a list of maps is a table', () => {
  expect(columnsOf([{ a: 1 }, { b: 2, a: 3 }])).toEqual(['a', 'b'])
  expect(columnsOf([1, 2])).toBeNull()
  expect(columnsOf([])).toBeNull()
  expect(columnsOf({ a: 1 })).toBeNull()
})
