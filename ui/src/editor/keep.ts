import type { Json } from '~/api/types'
import { same } from './same'

/** The new value, with every part that says the same as in the old one taken from there: what didn't change stays the same object. */
export function keep<T>(old: T, next: T): T {
  return keepJson(old as Json, next as Json) as T
}

function keepJson(old: Json | undefined, next: Json): Json {
  if (old === undefined || typeof next !== 'object' || next === null || typeof old !== 'object' || old === null)
    return next
  if (same(old, next)) return old
  if (Array.isArray(next)) return Array.isArray(old) ? keepList(old, next) : next
  if (Array.isArray(old)) return next
  return Object.fromEntries(Object.entries(next).map(([key, value]) => [key, keepJson(old[key], value)]))
}

function keepList(old: Json[], next: Json[]): Json[] {
  const name = (value: Json | undefined) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? value.key : undefined
  const byKey = new Map(old.map((item) => [name(item), item]))
  return next.map((item, place) => keepJson(name(item) === undefined ? old[place] : byKey.get(name(item)), item))
}
