import { expect, test } from 'vitest'
import { differenceOf, withContext } from './difference'

const told = (before: string, after: string) =>
  differenceOf(before, after)
    .map((line) => ({ same: ' ', gone: '-', new: '+' })[line.kind] + line.text)
    .join('|')

test.each([
  ['a\nb', 'a\nb', ' a| b'],
  ['a\nb\nc', 'a\nc', ' a|-b| c'],
  ['a\nc', 'a\nb\nc', ' a|+b| c'],
  ['a\nb\nc', 'a\nx\nc', ' a|-b|+x| c'],
  ['a\nb\nc\nd', 'b\nc\nx\nd', '-a| b| c|+x| d'],
  ['', 'a', '-|+a'],
])('%j and %j', (before, after, expected) => expect(told(before, after)).toBe(expected))

test('line numbers are those of each side', () => {
  const [, gone, , last] = differenceOf('a\nb\nc', 'a\nx\nc')
  expect(gone).toMatchObject({ before: 2, after: null })
  expect(last).toMatchObject({ before: 3, after: 3 })
})

test('only what is near a difference is shown', () => {
  const text = [...'abcdefghij'].join('\n')
  const shown = withContext(differenceOf(text, text.replace('e', 'x')), 1)
  expect(shown.map((line) => line?.text ?? '…').join('')).toBe('…dexf…')
  expect(withContext(differenceOf('a', 'a'))).toEqual([null])
})
