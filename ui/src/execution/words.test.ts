import { expect, test } from 'vitest'
import { loopWords } from './words'

test('a loop path as people read it', () => {
  expect(loopWords('')).toBe('')
  expect(loopWords('each:0')).toBe('each, iteration 1')
  expect(loopWords('each:2/inner:9')).toBe('each, iteration 3, inner, iteration 10')
})
