import type { Json } from './types'

/** Only a text with so many digits in a row can hold a whole number that isn't exact in a browser. */
const LONG = /\d{16}/

/** What JSON says, with whole numbers beyond 2^53 as they are: as a `bigint`. Throws where it is no JSON. */
export function parseJson(text: string): Json {
  return LONG.test(text) ? JSON.parse(text, exact) : JSON.parse(text)
}

/** What JSON says, if it is whole. */
export function readJson(text: string): { value: Json } | undefined {
  try {
    return { value: parseJson(text) }
  } catch {
    return undefined
  }
}

/** Browsers that don't hand in the text of a number keep what they made of it. */
function exact(_key: string, value: Json, context?: { source?: string }): Json {
  const source = context?.source ?? ''
  return typeof value === 'number' && !Number.isSafeInteger(value) && WHOLE.test(source) ? BigInt(source) : value
}

const WHOLE = /^-?\d+$/

/** The whole number that a text names: a `bigint` only where nothing else is exact. */
export function wholeNumber(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

// What is a `bigint` has all its digits in JSON.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  value(this: bigint) {
    const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown }
    return rawJSON ? rawJSON(String(this)) : Number(this)
  },
})
