import { parseJson } from '~/api/json'
import type { Connections, Json, JsonMap, NodeDocument, Target, WorkflowDocument } from '~/api/types'
import { MAIN } from '~/canvas/graph'
import { renameInParams } from './references'

/** Changes to a workflow document. Each gives a new document that shares with the old one what stays the same. */

export interface End {
  from: string
  port: string
  to: string
  toPort: string
}

export type Place = { x: number; y: number }

const KEY = /^[A-Za-z0-9_-]{1,64}$/

export const isKey = (text: string) => KEY.test(text)

/** A key that no node has yet, from what the node does: `set_data`, `set_data_2`. */
export function freeKey(document: WorkflowDocument, wanted: string): string {
  const base =
    wanted
      .replace(/[^A-Za-z0-9_-]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 56) || 'node'
  const taken = new Set(document.nodes.map((node) => node.key))
  let key = base
  for (let count = 2; taken.has(key); count++) key = `${base}_${count}`
  return key
}

export const nodeOf = (document: WorkflowDocument, key: string) => document.nodes.find((node) => node.key === key)

export function addNode(document: WorkflowDocument, node: NodeDocument): WorkflowDocument {
  return { ...document, nodes: [...document.nodes, node] }
}

/** The document with one node changed. */
export function changeNode(
  document: WorkflowDocument,
  key: string,
  change: (node: NodeDocument) => NodeDocument,
): WorkflowDocument {
  let changed = false
  const nodes = document.nodes.map((node) => {
    if (node.key !== key) return node
    const next = change(node)
    changed ||= next !== node
    return next
  })
  return changed ? { ...document, nodes } : document
}

/** A field of a node, taken out if it is undefined. */
export function setNodeField<Field extends keyof NodeDocument>(
  document: WorkflowDocument,
  key: string,
  field: Field,
  value: NodeDocument[Field] | undefined,
): WorkflowDocument {
  return changeNode(document, key, (node) => {
    const next = { ...node, [field]: value }
    if (value === undefined) delete next[field]
    return next
  })
}

/** The value at a path in data, with maps and lists made on the way; undefined takes it out. */
export function setAt(value: Json | undefined, path: (string | number)[], next: Json | undefined): Json | undefined {
  const [step, ...rest] = path
  if (step === undefined) return next
  if (typeof step === 'number') {
    const list = Array.isArray(value) ? [...value] : []
    const inner = setAt(list[step], rest, next)
    if (inner === undefined) list.splice(step, 1)
    else list[step] = inner
    return list
  }
  const map: JsonMap = typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  const inner = setAt(map[step], rest, next)
  if (inner === undefined) delete map[step]
  else map[step] = inner
  return map
}

export function at(value: Json | undefined, path: (string | number)[]): Json | undefined {
  let here = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = Array.isArray(here) ? here[step as number] : here[step as string]
  }
  return here
}

/** Changes one value in a node's parameters or settings; what becomes empty is left out. */
export function setParam(
  document: WorkflowDocument,
  key: string,
  part: 'params' | 'settings',
  path: (string | number)[],
  value: Json | undefined,
): WorkflowDocument {
  return changeNode(document, key, (node) => {
    const next = setAt(node[part], path, value) as JsonMap | undefined
    const { [part]: _, ...rest } = node
    return next && Object.keys(next).length > 0 ? ordered({ ...rest, [part]: next }) : rest
  })
}

const ORDER = ['key', 'name', 'type', 'params', 'settings', 'position', 'notes', 'disabled', 'pinned']

/** A node with its fields in the order in which documents have them. */
function ordered(node: NodeDocument): NodeDocument {
  const entries = Object.entries(node).sort(([one], [other]) => ORDER.indexOf(one) - ORDER.indexOf(other))
  return Object.fromEntries(entries) as unknown as NodeDocument
}

/** Takes nodes out, with their connections. */
export function removeNodes(document: WorkflowDocument, keys: string[]): WorkflowDocument {
  const gone = new Set(keys)
  const connections = filterConnections(document.connections ?? {}, (end) => !gone.has(end.from) && !gone.has(end.to))
  return withConnections({ ...document, nodes: document.nodes.filter((node) => !gone.has(node.key)) }, connections)
}

function withConnections(document: WorkflowDocument, connections: Connections): WorkflowDocument {
  const { connections: _, ...rest } = document
  return Object.keys(connections).length > 0 ? { ...rest, connections } : rest
}

const endOf = (from: string, port: string, target: Target): End => ({
  from,
  port,
  to: target.to,
  toPort: target.to_port ?? MAIN,
})

/** All connections, in the order in which they are written. */
export function endsOf(connections: Connections = {}): End[] {
  return Object.entries(connections).flatMap(([from, ports]) =>
    Object.entries(ports).flatMap(([port, targets]) => targets.map((target) => endOf(from, port, target))),
  )
}

export const sameEnd = (one: End, other: End) =>
  one.from === other.from && one.port === other.port && one.to === other.to && one.toPort === other.toPort

function filterConnections(connections: Connections, keep: (end: End) => boolean): Connections {
  return connectionsOf(endsOf(connections).filter(keep))
}

/** Connections as documents store them. */
export function connectionsOf(ends: End[]): Connections {
  const connections: Connections = {}
  for (const { from, port, to, toPort } of ends) {
    const ports = connections[from] ?? {}
    connections[from] = ports
    ports[port] = [...(ports[port] ?? []), toPort === MAIN ? { to } : { to, to_port: toPort }]
  }
  return connections
}

/** A new connection, last among those of its port; the same document if it is there already. */
export function connect(document: WorkflowDocument, end: End): WorkflowDocument {
  const ends = endsOf(document.connections)
  if (ends.some((one) => sameEnd(one, end))) return document
  return withConnections(document, connectionsOf([...ends, end]))
}

export function disconnect(document: WorkflowDocument, gone: End[]): WorkflowDocument {
  return withConnections(
    document,
    filterConnections(document.connections ?? {}, (end) => !gone.some((one) => sameEnd(one, end))),
  )
}

/** Moves a connection among those of its port: the order decides which branch runs first. */
export function moveConnection(document: WorkflowDocument, end: End, by: -1 | 1): WorkflowDocument {
  const targets = document.connections?.[end.from]?.[end.port] ?? []
  const place = targets.findIndex((target) => sameEnd(endOf(end.from, end.port, target), end))
  const other = place + by
  const [one, two] = [targets[place], targets[other]]
  if (!one || !two) return document
  const next = targets.map((target, index) => (index === place ? two : index === other ? one : target))
  const ports = { ...document.connections?.[end.from], [end.port]: next }
  return { ...document, connections: { ...document.connections, [end.from]: ports } }
}

/** Puts nodes where they are to stand. */
export function moveNodes(document: WorkflowDocument, places: Map<string, Place>): WorkflowDocument {
  let changed = false
  const nodes = document.nodes.map((node) => {
    const place = places.get(node.key)
    if (!place || (node.position?.x === place.x && node.position?.y === place.y)) return node
    changed = true
    return ordered({ ...node, position: place })
  })
  return changed ? { ...document, nodes } : document
}

/** Gives a node another key, in connections and in templates that name it, too. */
export function renameKey(document: WorkflowDocument, from: string, to: string): WorkflowDocument {
  if (from === to || !isKey(to) || document.nodes.some((node) => node.key === to)) return document
  const nodes = document.nodes.map((node) => {
    const params = node.params && (renameInParams(node.params, from, to) as JsonMap)
    const renamed = params === node.params ? node : { ...node, params }
    return node.key === from ? { ...renamed, key: to } : renamed
  })
  const name = (key: string) => (key === from ? to : key)
  const ends = endsOf(document.connections).map((end) => ({ ...end, from: name(end.from), to: name(end.to) }))
  return withConnections({ ...document, nodes }, connectionsOf(ends))
}

/** A piece of a workflow, as it is copied. */
export interface Piece {
  prana: 'nodes'
  nodes: NodeDocument[]
  connections: Connections
}

/** The nodes with these keys, and the connections between them. */
export function copyNodes(document: WorkflowDocument, keys: string[], places: Map<string, Place>): Piece {
  const chosen = new Set(keys)
  const nodes = document.nodes
    .filter((node) => chosen.has(node.key))
    .map((node) => (places.has(node.key) ? ordered({ ...node, position: places.get(node.key) }) : node))
  const connections = filterConnections(document.connections ?? {}, (end) => chosen.has(end.from) && chosen.has(end.to))
  return { prana: 'nodes', nodes, connections }
}

/** What a text from the clipboard holds, if it is a piece of a workflow or a whole one. */
export function readPiece(text: string): Piece | null {
  try {
    const value = parseJson(text) as unknown as Partial<Piece>
    const isPiece =
      Array.isArray(value?.nodes) &&
      value.nodes.every((node) => typeof node?.key === 'string' && typeof node?.type === 'string')
    if (!isPiece || !value.nodes) return null
    return {
      prana: 'nodes',
      nodes: value.nodes,
      connections: isConnections(value.connections) ? value.connections : {},
    }
  } catch {
    return null
  }
}

const isConnections = (value: unknown): value is Connections =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts a piece in, under keys that are free; tells the new keys. */
export function paste(
  document: WorkflowDocument,
  piece: Piece,
  by: Place,
): { document: WorkflowDocument; keys: string[] } {
  let next = document
  const names = new Map<string, string>()
  for (const node of piece.nodes) {
    const key = freeKey(next, node.key)
    names.set(node.key, key)
    const position = node.position && { x: node.position.x + by.x, y: node.position.y + by.y }
    next = addNode(next, { ...node, key, ...(position ? { position } : {}) })
  }
  for (const [from, to] of names) if (from !== to) next = renameAmong(next, new Set(names.values()), from, to)
  for (const end of endsOf(piece.connections)) {
    const [from, to] = [names.get(end.from), names.get(end.to)]
    if (from && to) next = connect(next, { ...end, from, to })
  }
  return { document: next, keys: [...names.values()] }
}

/** Lets the templates of some nodes name another one. */
function renameAmong(document: WorkflowDocument, keys: Set<string>, from: string, to: string): WorkflowDocument {
  const nodes = document.nodes.map((node) =>
    keys.has(node.key) && node.params ? { ...node, params: renameInParams(node.params, from, to) as JsonMap } : node,
  )
  return { ...document, nodes }
}
