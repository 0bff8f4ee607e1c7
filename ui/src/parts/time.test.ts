import { expect, test } from 'vitest'
import { durationText, relativeTime } from './time'

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_234, '1.2 s'],
  [59_000, '59 s'],
  [61_000, '1 min 1 s'],
  [3_660_000, '1 h 1 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms is %s', (ms, text) => expect(durationText(ms)).toBe(text))

test.each([
  [-60_000, /1 minute ago/],
  [7_200_000, /in 2 hours/],
  [0, /now/],
])('%d ms away', (distance, text) => expect(relativeTime(1e12 + distance, 1e12)).toMatch(text))
