import { Tooltip } from '@mantine/core'
import { useSyncExternalStore } from 'react'

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'long' })

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
]

/** What is this near is now. */
const NOW_MS = 5_000

/** "3 minutes ago", "in 2 hours". */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(at - now) < NOW_MS ? 0 : at - now
  const [unit, ms] = UNITS.find(([, ms]) => Math.abs(distance) >= ms) ?? (['second', 1_000] as const)
  return relative.format(Math.round(distance / ms), unit)
}

/** A length of time as people say it: 12 ms, 3.4 s, 5 min 3 s. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
  return `${Math.floor(ms / 86_400_000)} d ${Math.round((ms % 86_400_000) / 3_600_000)} h`
}

// One clock for all: every time on the page moves on together.
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const one of listeners) one()
  }, 5_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The time, in milliseconds; moves on every five seconds. */
export const useNow = () => useSyncExternalStore(subscribe, () => now)

/** A point in time as a distance from now; the exact one, in the reader's zone, is one hover away. */
export function Time({ at }: { at: string | null | undefined }) {
  useNow()
  if (!at) return <>–</>
  const ms = Date.parse(at)
  return (
    <Tooltip label={absolute.format(ms)}>
      <time dateTime={at}>{relativeTime(ms, Date.now())}</time>
    </Tooltip>
  )
}

/** A point in time, exactly, in the reader's zone. */
export const exactTime = (at: string) => absolute.format(Date.parse(at))

/** How long something took. */
export function Duration({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  if (!from || !to) return <>–</>
  return <>{durationText(Date.parse(to) - Date.parse(from))}</>
}
