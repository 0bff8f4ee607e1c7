import { useEffect, useRef, useState } from 'react'
import { useEvents } from '~/api/events'
import type { Connection } from '~/api/sse'
import type { LiveEvent } from '~/api/types'
import { Replay } from './replay'

/** How many events are kept: what a loop of many thousands tells beyond that is in the list of runs. */
const EVENTS_KEPT = 60_000

export interface ReplayState {
  replay: Replay
  /** The number of the newest event: tells of each change of `replay`, which stays the same object. */
  version: number
  connection: Connection
  /** False where the workflow keeps no trail: then there is nothing to replay. */
  kept: boolean
  /** True if there was more than is kept here. */
  cut: boolean
}

/**
 * What happened in an execution and what happens now, from its stream of events. Many that come at once are shown at once.
 * For one execution: a component that may show another is to be made anew for it. */
export function useReplay(id: string): ReplayState {
  const [state, setState] = useState(fresh)
  const buffer = useRef<LiveEvent[]>([])
  const frame = useRef(0)
  const taken = useRef(0)
  useEffect(() => () => cancelAnimationFrame(frame.current), [])
  const flush = () => {
    frame.current = 0
    const events = buffer.current.splice(0)
    // What came already is passed over, so it does no harm if this is done twice.
    setState((now) => {
      now.replay.add(events)
      return { ...now, version: now.replay.last, cut: taken.current > EVENTS_KEPT }
    })
  }
  const connection = useEvents(id, (event) => {
    if (event.type === 'trail_not_kept') setState((now) => ({ ...now, kept: false }))
    if (event.type !== 'event') return
    taken.current += 1
    if (taken.current > EVENTS_KEPT) return
    buffer.current.push(event.event)
    frame.current ||= requestAnimationFrame(flush)
  })
  return { ...state, connection }
}

const fresh = () => ({ replay: new Replay(), version: -1, kept: true, cut: false })
