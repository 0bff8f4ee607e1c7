import type { Action, Connections, Json, WorkflowDocument } from '~/api/types'
import { MAIN } from '~/canvas/graph'
import { connectionsOf, type End, sameEnd } from './document'

/** The short form of connections, for people: `from.port -> to.port`, chains allowed. */

type Actions = Map<string, Action>

/** By which port a node goes on if nobody says; null where it must be said. */
type DefaultPort = (key: string) => string | null

export function defaultPorts(nodes: WorkflowDocument['nodes'], actions: Actions): DefaultPort {
  const ports = new Map(nodes.map((node) => [node.key, actions.get(node.type)?.default_port ?? null]))
  return (key) => ports.get(key) ?? null
}

const PLAIN_PORT = /^[A-Za-z0-9_-]+$/

/** One connection as a line; null if its ports have names that a line can't hold. */
export function lineOf(end: End, defaultPort: DefaultPort): string | null {
  if (!PLAIN_PORT.test(end.port) || !PLAIN_PORT.test(end.toPort)) return null
  const from = defaultPort(end.from) === end.port ? end.from : `${end.from}.${end.port}`
  const to = end.toPort === MAIN ? end.to : `${end.to}.${end.toPort}`
  return `${from} -> ${to}`
}

/** What a line says, or what is wrong with it. */
export function readLine(line: string, defaultPort: DefaultPort): End[] | string {
  const parts = line.split('->').map((part) => part.trim())
  if (parts.length < 2) return `a connection is written \`from -> to\`, and this is \`${line}\``
  const ends: End[] = []
  for (let place = 0; place + 1 < parts.length; place++) {
    const [from, fromPort] = cut(parts[place] ?? '')
    const [to, toPort] = cut(parts[place + 1] ?? '')
    if (!from || !to) return `an end of \`${line}\` has no name`
    // In a chain, the port after a name that an arrow leads to is its input port.
    const named = place === 0 ? fromPort : null
    const port = named ?? defaultPort(from)
    if (port === null) return `say by which port \`${from}\` goes on: \`${from}.PORT -> ${to}\``
    ends.push({ from, port, to, toPort: toPort ?? MAIN })
  }
  return ends
}

function cut(end: string): [string, string | null] {
  const dot = end.indexOf('.')
  return dot < 0 ? [end, null] : [end.slice(0, dot), end.slice(dot + 1)]
}

/** Connections of either form as documents store them, or what is wrong. */
export function readConnections(value: Json | undefined, defaultPort: DefaultPort): Connections | string {
  if (value === undefined || value === null) return {}
  if (!Array.isArray(value))
    return typeof value === 'object' ? readMap(value) : '`connections` is a list of lines, or a map'
  const ends: End[] = []
  for (const line of value) {
    if (typeof line !== 'string') return 'each of `connections` is a line such as `from -> to`'
    const read = readLine(line, defaultPort)
    if (typeof read === 'string') return read
    ends.push(...read)
  }
  return connectionsOf(ends)
}

function readMap(value: { [key: string]: Json }): Connections | string {
  const isTarget = (target: Json) =>
    typeof target === 'object' && target !== null && !Array.isArray(target) && typeof target.to === 'string'
  for (const [from, ports] of Object.entries(value)) {
    const isPorts = typeof ports === 'object' && ports !== null && !Array.isArray(ports)
    if (!isPorts || !Object.values(ports).every((targets) => Array.isArray(targets) && targets.every(isTarget))) {
      return `\`connections.${from}\` is a map from ports to lists of \`{to, to_port}\``
    }
  }
  return value as unknown as Connections
}

/** Lines for these connections that keep as many of the old lines as still hold; null if a line can't say it. */
export function linesFor(ends: End[], old: string[], defaultPort: DefaultPort): string[] | null {
  const left = [...ends]
  const take = (end: End) => {
    const place = left.findIndex((one) => sameEnd(one, end))
    return place >= 0 && left.splice(place, 1)
  }
  const lines: string[] = []
  for (const line of old) {
    const read = readLine(line, defaultPort)
    if (typeof read === 'string') continue
    const still = read.filter((end) => left.some((one) => sameEnd(one, end)))
    still.forEach(take)
    if (still.length === read.length) lines.push(line)
    else lines.push(...still.map((end) => lineOf(end, defaultPort) ?? ''))
  }
  lines.push(...left.map((end) => lineOf(end, defaultPort) ?? ''))
  if (lines.includes('')) return null
  // The order within a port decides which branch runs first: lines that say another one are written anew.
  const says = readConnections(lines, defaultPort)
  if (typeof says !== 'string' && sameConnections(says, connectionsOf(ends))) return lines
  const anew = ends.map((end) => lineOf(end, defaultPort))
  return anew.every((line) => line !== null) ? anew : null
}

function sameConnections(one: Connections, other: Connections): boolean {
  const text = (connections: Connections) =>
    Object.entries(connections)
      .flatMap(([from, ports]) =>
        Object.entries(ports).map(([port, targets]) =>
          JSON.stringify([from, port, targets.map((target) => [target.to, target.to_port ?? MAIN])]),
        ),
      )
      .sort()
      .join()
  return text(one) === text(other)
}
