import type { Json } from '~/api/types'

/** True if two values say the same, whatever the order of their keys. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [ones, others] = [Object.keys(one), Object.keys(other)]
  return (
    ones.length === others.length &&
    ones.every((key) => same((one as never)[key], (other as never)[key]) && key in other)
  )
}
