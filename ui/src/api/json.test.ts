import { expect, test } from 'vitest'
import { parseJson, readJson, wholeNumber } from './json'

test.each([
  ['9007199254740991', 9007199254740991],
  ['-9007199254740992', -9007199254740992n],
  ['9223372036854775807', 9223372036854775807n],
])('%s is the whole number that it says', (text, value) => expect(wholeNumber(text)).toBe(value))

test('what is no JSON has no value, and null is one', () => {
  expect(readJson('{')).toBeUndefined()
  expect(readJson('null')).toEqual({ value: null })
})

// Browsers and newer Nodes hand in what a number was written as.
const isExact = 'rawJSON' in JSON

test.runIf(isExact)('long whole numbers go through as they are', () => {
  const text = '{"a":[9007199254740993,-9223372036854775808],"b":"9007199254740993","c":1.5e300,"d":1234567890123456}'
  expect(JSON.stringify(parseJson(text))).toBe(text.replace('1.5e300', '1.5e+300'))
})

test('what is not long is what it always was', () =>
  expect(parseJson('{"a": 1.25, "b": [null, true, "1"]}')).toEqual({ a: 1.25, b: [null, true, '1'] }))
