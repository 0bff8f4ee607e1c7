/** Server-sent events over fetch: with `Last-Event-ID` from the first request on, and an end that is told. */

export interface Message {
  id: string | null
  event: string
  data: string
}

/** Cuts a stream of text into messages; pieces may end anywhere. */
export class MessageReader {
  private rest = ''

  /** The messages that are complete with this piece. */
  push(piece: string): Message[] {
    const text = this.rest + piece
    const blocks = text.replace(/\r\n?/g, '\n').split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.map(read).filter((message): message is Message => message !== null)
  }
}

function read(block: string): Message | null {
  let id: string | null = null
  let event = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'id') id = value
    else if (name === 'event') event = value
    else if (name === 'data') data.push(value)
  }
  return data.length === 0 ? null : { id, event, data: data.join('\n') }
}

export type Connection = 'connecting' | 'open' | 'lost' | 'ended'

export interface Listening {
  onMessage: (message: Message) => void
  onConnection?: (state: Connection) => void
  lastEventId?: string
  signal: AbortSignal
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 10_000

/** Listens until the server says that there is no more (204), refuses for good (4xx), or the signal aborts. */
export async function listen(url: string, { onMessage, onConnection, lastEventId, signal }: Listening): Promise<void> {
  let last = lastEventId
  let delay = FIRST_DELAY_MS
  while (!signal.aborted) {
    onConnection?.('connecting')
    try {
      const headers: { [name: string]: string } = { accept: 'text/event-stream' }
      if (last) headers['last-event-id'] = last
      const response = await fetch(url, { headers, signal, credentials: 'same-origin', cache: 'no-store' })
      if (response.status === 204 || (response.status >= 400 && response.status < 500)) {
        onConnection?.('ended')
        return
      }
      if (response.ok && response.body) {
        onConnection?.('open')
        delay = FIRST_DELAY_MS
        await readAll(response.body, (message) => {
          if (message.id) last = message.id
          onMessage(message)
        })
      }
    } catch {
      // Lost: tried again below.
    }
    if (signal.aborted) return
    onConnection?.('lost')
    await pause(delay, signal)
    delay = Math.min(delay * 2, LONGEST_DELAY_MS)
  }
}

async function readAll(body: ReadableStream<Uint8Array>, onMessage: (message: Message) => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  const messages = new MessageReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    for (const message of messages.push(value)) onMessage(message)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
