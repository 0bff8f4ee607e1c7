import {
  type Document,
  type DocumentOptions,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParseOptions,
  parseAllDocuments,
  parseDocument,
  type Scalar,
  type ScalarTag,
  type SchemaOptions,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { wholeNumber } from '~/api/json'
import type { Action, Json, WorkflowDocument } from '~/api/types'
import { defaultPorts, linesFor, readConnections } from './connections'
import { endsOf } from './document'
import { same } from './same'

/** A workflow as YAML, in step with the document: what did not change keeps its comments and its form. */

const STYLE = { lineWidth: 110, flowCollectionPadding: false } as const

/** Whole numbers beyond 2^53 keep all their digits. */
const LONG: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?[0-9]{16,}$/,
  resolve: wholeNumber,
}

const WITH_LONG: ParseOptions & DocumentOptions & SchemaOptions = { customTags: (tags) => [LONG, ...tags] }

const parse = (text: string) => parseDocument(text, WITH_LONG)

/** The documents that a text holds. */
export const parseAll = (text: string) => parseAllDocuments(text, WITH_LONG)

export interface YamlError {
  message: string
  /** Where in the text. */
  start: number
  end: number
}

export type Read = { document: WorkflowDocument } | { errors: YamlError[] }

/** The text of a document that has none yet. */
export function writeYaml(document: WorkflowDocument, actions: Map<string, Action>): string {
  return updateYaml('', document, actions)
}

/** The text, changed where the document has changed. */
export function updateYaml(text: string, document: WorkflowDocument, actions: Map<string, Action>): string {
  const yaml = parse(text)
  if (yaml.errors.length > 0) return writeYaml(document, actions)
  const root = isMap(yaml.contents) ? yaml.contents : undefined
  const { connections: _, ...rest } = document
  const wanted: { [key: string]: Json } = rest as unknown as { [key: string]: Json }
  const lines = connectionsFor(root?.get('connections', true), document, actions)
  if (lines !== undefined) wanted.connections = lines
  yaml.contents = fitted(yaml, root, wanted, []) as typeof yaml.contents
  return yaml.toString(STYLE)
}

/** Connections in the form that the text has: a list of lines, unless it is a map. */
function connectionsFor(node: unknown, document: WorkflowDocument, actions: Map<string, Action>): Json | undefined {
  const ends = endsOf(document.connections)
  if (ends.length === 0) return isSeq(node) && node.items.length === 0 ? [] : undefined
  if (isMap(node)) return document.connections as unknown as Json
  const old = isSeq(node) ? (node.toJSON() as Json[]).filter((line): line is string => typeof line === 'string') : []
  return linesFor(ends, old, defaultPorts(document.nodes, actions)) ?? (document.connections as unknown as Json)
}

/** A node of the text for a value; the one that was there, if it can say it. */
function fitted(yaml: Document, node: Node | null | undefined, value: Json, path: (string | number)[]): Node {
  if (node && same(node.toJS(yaml) as Json, value)) return node
  if (isMap(node) && typeof value === 'object' && value !== null && !Array.isArray(value))
    return fitMap(yaml, node, value, path)
  if (isSeq(node) && Array.isArray(value)) return fitSeq(yaml, node, value, path)
  if (isScalar(node) && isPlainValue(value) && typeof node.value === typeof value) {
    const scalar = node as Scalar
    scalar.value = value
    // Numbers remember how they were written.
    scalar.source = undefined
    if (typeof value === 'string') scalar.type = styleFor(value, scalar.type)
    return scalar
  }
  return create(yaml, value, path)
}

const isPlainValue = (value: Json) => value === null || typeof value !== 'object'

const styleFor = (text: string, was: Scalar['type']): Scalar['type'] =>
  text.includes('\n') ? 'BLOCK_LITERAL' : was === 'BLOCK_LITERAL' || was === 'BLOCK_FOLDED' ? undefined : was

function fitMap(yaml: Document, map: YAMLMap, value: { [key: string]: Json }, path: (string | number)[]): Node {
  for (const pair of [...map.items]) if (!(keyText(pair) in value)) map.items.splice(map.items.indexOf(pair), 1)
  for (const [key, inner] of Object.entries(value)) {
    const pair = map.items.find((pair) => keyText(pair) === key)
    const next = fitted(yaml, pair?.value as Node | undefined, inner, [...path, key])
    if (pair) pair.value = next
    else map.items.push(yaml.createPair(key, next))
  }
  return map
}

const keyText = (pair: Pair) => String(isScalar(pair.key) ? pair.key.value : pair.key)

function fitSeq(yaml: Document, seq: YAMLSeq, value: Json[], path: (string | number)[]): Node {
  const old = seq.items as Node[]
  const values = old.map((item) => item.toJS(yaml) as Json)
  const used = new Set<number>()
  const claim = (place: number) => place >= 0 && !used.has(place) && used.add(place) && old[place]
  // What is the same stays; of the rest, maps with a `key` are known by it, and others by their place.
  const exact = value.map(
    (item) => claim(values.findIndex((was, place) => !used.has(place) && same(was, item))) || undefined,
  )
  const items = value.map((item, place) => {
    const found = exact[place]
    if (found) return found
    const key = keyOf(item)
    const by = key === undefined ? place : values.findIndex((was) => keyOf(was) === key)
    return fitted(yaml, claim(by < old.length ? by : -1) || undefined, item, [...path, place])
  })
  seq.items = items
  return seq
}

const keyOf = (value: Json) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value.key : undefined

/** New nodes in the form that people write: a node that fits in a line is one line. */
function create(yaml: Document, value: Json, path: (string | number)[]): Node {
  const node = yaml.createNode(value) as Node
  shape(node, path.length)
  return node
}

function shape(node: Node, depth: number): void {
  if (isScalar(node) && typeof node.value === 'string' && node.value.includes('\n')) node.type = 'BLOCK_LITERAL'
  if (!isMap(node) && !isSeq(node)) return
  const text = JSON.stringify(node.toJSON()) ?? ''
  const oneLine = depth >= 2 && text.length <= 84 && !text.includes('\\n')
  if (oneLine) node.flow = true
  else for (const item of node.items) shape((isMap(node) ? (item as Pair).value : item) as Node, depth + 1)
}

/** The document that a text says, or what keeps it from being one. */
export function readYaml(text: string, actions: Map<string, Action>): Read {
  const yaml = parse(text)
  if (yaml.errors.length > 0) {
    return {
      errors: yaml.errors.map((error) => ({
        message: error.message.split('\n')[0] ?? error.code,
        start: error.pos[0],
        end: error.pos[1],
      })),
    }
  }
  const value = yaml.toJS({ maxAliasCount: 100 }) as Json
  const wrong = (message: string, node?: unknown): Read => {
    const range = (node as Node | undefined)?.range
    return { errors: [{ message, start: range?.[0] ?? 0, end: range?.[1] ?? text.length }] }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong('a workflow is a map with `id`, `nodes` and `connections`')
  if (typeof value.id !== 'string') return wrong('the workflow needs an `id`')
  const nodes = value.nodes ?? []
  if (!Array.isArray(nodes)) return wrong('`nodes` is a list', yaml.get('nodes', true))
  for (const [place, node] of nodes.entries()) {
    const isNode =
      typeof node === 'object' &&
      node !== null &&
      !Array.isArray(node) &&
      typeof node.key === 'string' &&
      typeof node.type === 'string'
    if (!isNode) return wrong('a node needs `key` and `type`', yaml.getIn(['nodes', place], true))
  }
  const list = nodes as unknown as WorkflowDocument['nodes']
  const connections = readConnections(value.connections, defaultPorts(list, actions))
  if (typeof connections === 'string') return wrong(connections, yaml.get('connections', true))
  const { connections: _, ...rest } = value
  const document = { ...rest, nodes: list } as unknown as WorkflowDocument
  return { document: Object.keys(connections).length > 0 ? { ...document, connections } : document }
}
