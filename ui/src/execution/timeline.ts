import type { RunState } from './replay'

/** A stretch of a run: at work, or waiting. Places are fractions of the whole width, 0 to 1. */
export interface Bar {
  kind: 'work' | 'wait'
  from: number
  to: number
}

export interface Row {
  run: RunState
  bars: Bar[]
}

/** A place on the scale that is worth a label. */
export interface Tick {
  place: number
  at: number
}

export interface Timeline {
  rows: Row[]
  ticks: Tick[]
}

/** How much of a gap's length is shown: a month must not hide the milliseconds beside it. */
const shownLength = (ms: number) => Math.log1p(ms) + 0.35

/**
 * The runs on one scale, in the order in which they began. The order in time is true, lengths are shortened: a gap of `t` milliseconds is as
 * wide as the logarithm of `t`.
 */
export function timelineOf(runs: RunState[], now: number): Timeline {
  const scale = scaleOf(runs, now)
  const rows = runs.map((run) => ({ run, bars: barsOf(run, now, scale.place) }))
  return { rows, ticks: scale.ticks }
}

function momentsOf(run: RunState, now: number): number[] {
  const moments = [Date.parse(run.startedAt), endOf(run, now)]
  for (const wait of run.waits) moments.push(Date.parse(wait.from), wait.to ? Date.parse(wait.to) : now)
  return moments
}

const endOf = (run: RunState, now: number) => (run.endedAt ? Date.parse(run.endedAt) : now)

function scaleOf(runs: RunState[], now: number): { place: (at: number) => number; ticks: Tick[] } {
  const moments = [...new Set(runs.flatMap((run) => momentsOf(run, now)))].sort((one, other) => one - other)
  const places = new Map<number, number>()
  let sum = 0
  moments.forEach((moment, place) => {
    if (place > 0) sum += shownLength(moment - (moments[place - 1] ?? moment))
    places.set(moment, sum)
  })
  const whole = sum || 1
  return {
    place: (at) => (places.get(at) ?? 0) / whole,
    ticks: ticksOf(moments, (at) => (places.get(at) ?? 0) / whole),
  }
}

/** Labels no nearer to each other than a sixth of the width. */
function ticksOf(moments: number[], place: (at: number) => number): Tick[] {
  const ticks: Tick[] = []
  for (const at of moments) {
    const here = place(at)
    const last = ticks.at(-1)
    if (!last || here - last.place >= 1 / 6) ticks.push({ place: here, at })
  }
  return ticks
}

function barsOf(run: RunState, now: number, place: (at: number) => number): Bar[] {
  const bars: Bar[] = []
  let from = Date.parse(run.startedAt)
  const push = (kind: Bar['kind'], to: number) => {
    bars.push({ kind, from: place(from), to: place(to) })
    from = to
  }
  for (const wait of run.waits) {
    push('work', Date.parse(wait.from))
    push('wait', wait.to ? Date.parse(wait.to) : now)
  }
  push('work', endOf(run, now))
  return bars.filter((bar, place) => bar.to > bar.from || (place === 0 && bars.length === 1))
}
