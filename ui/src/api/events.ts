import { useEffect, useRef, useState } from 'react'
import { API, segment } from './client'
import { type Connection, listen } from './sse'
import type { LiveEvent } from './types'

/** What a stream tells: an event, or that some were missed (`reset`) or aren't kept (`trail_not_kept`). */
export type StreamEvent =
  | { type: 'event'; event: LiveEvent }
  | { type: 'reset' }
  | { type: 'trail_not_kept'; status: string }

/** Listens to an execution, or to all of them (`null`); ends with the component. */
export function useEvents(
  executionId: string | null,
  onEvent: (event: StreamEvent) => void,
  enabled = true,
): Connection {
  const [connection, setConnection] = useState<Connection>('connecting')
  const handler = useRef(onEvent)
  handler.current = onEvent
  useEffect(() => {
    if (!enabled) return
    const stop = new AbortController()
    const path = executionId === null ? '/events' : `/executions/${segment(executionId)}/events`
    listen(`${API}${path}`, {
      signal: stop.signal,
      onConnection: setConnection,
      onMessage: (message) => handler.current(streamEvent(message.event, message.data)),
    })
    return () => stop.abort()
  }, [executionId, enabled])
  return connection
}

function streamEvent(kind: string, data: string): StreamEvent {
  if (kind === 'reset') return { type: 'reset' }
  if (kind === 'trail_not_kept') return { type: 'trail_not_kept', status: JSON.parse(data).status }
  return { type: 'event', event: JSON.parse(data) }
}
