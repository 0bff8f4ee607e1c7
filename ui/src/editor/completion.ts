import type { Json, JsonMap } from '~/api/types'

/** What can stand at a place in a template. */

export interface FilterInfo {
  name: string
  usage: string
  summary: string
}

/** What the templates of a node see, as far as it is known. */
export interface Sight {
  /** Values of the names of the last run: `$input`, `$vars`, ... */
  scope: JsonMap
  /** Nodes that can have run before. */
  nodes: string[]
  inputPorts: string[]
  /** True where `$item` and `$index` are known. */
  perItem: boolean
  filters: FilterInfo[]
  /** Names of secrets, as far as one may list them; null where templates may not use any. */
  secrets: string[] | null
}

export interface Option {
  label: string
  detail?: string
  info?: string
  type: 'name' | 'field' | 'filter' | 'node' | 'tag'
  apply?: string
}

export interface Completion {
  from: number
  options: Option[]
}

const NAMES: [string, string][] = [
  ['$input', 'what came in'],
  ['$inputs', 'all that came in, by port'],
  ['$nodes', 'what other nodes gave'],
  ['$trigger', 'what the execution began with'],
  ['$vars', 'variables of the workflow'],
  ['$env', 'the environment of the server'],
  ['$execution', 'this execution'],
  ['$workflow', 'this workflow'],
  ['$now', 'the time at which the node started'],
  ['$error', 'the error of the node before'],
]

const PER_ITEM: [string, string][] = [
  ['$item', 'the item at hand'],
  ['$index', 'its place, from 0'],
]

const SECRETS: [string, string][] = [['$secrets', 'passwords and keys, by name']]

const TAGS = [
  'if',
  'elsif',
  'else',
  'endif',
  'for',
  'endfor',
  'assign',
  'case',
  'when',
  'endcase',
  'raw',
  'endraw',
  'break',
  'continue',
]

const EXECUTION = [
  'id',
  'mode',
  'run_index',
  'execution_index',
  'current_node_key',
  'state',
  'started_at',
  'loopback',
  'loop',
  'resume_url',
  'resume_urls',
  'parent_id',
  'preparation',
]
const NODE = ['output', 'context', 'port', 'run_index']
const WORKFLOW = ['id', 'name', 'version']

/** True if a place is inside `{{ }}` or `{% %}`. */
export function insideTemplate(text: string, place: number): '{{' | '{%' | null {
  const before = text.slice(0, place)
  const open = Math.max(before.lastIndexOf('{{'), before.lastIndexOf('{%'))
  if (open < 0 || /\}\}|%\}/.test(before.slice(open + 2))) return null
  return before.slice(open, open + 2) as '{{' | '{%'
}

const PATH = /(\$[A-Za-z_]\w*(?:\??\.[A-Za-z_][\w-]*|\[-?\d+\]|\["(?:[^"\\]|\\.)*"\])*)\??\.([\w-]*)$/

export function complete(text: string, place: number, sight: Sight): Completion | null {
  const inside = insideTemplate(text, place)
  const before = text.slice(0, place)
  const name = before.match(/\$\w*$/)?.[0]
  if (!inside) {
    if (!name) return null
    const options = names(sight).map((option) => ({ ...option, apply: `{{ ${option.label} }}` }))
    return { from: place - name.length, options }
  }
  const path = before.match(PATH)
  if (path) return { from: place - (path[2]?.length ?? 0), options: fields(path[1] ?? '', sight) }
  if (name) return { from: place - name.length, options: names(sight) }
  const filter = before.match(/(?<!\|)\|\s*(\w*)$/)
  if (filter) return { from: place - (filter[1]?.length ?? 0), options: filters(sight) }
  const tag = inside === '{%' && before.match(/\{%-?\s*(\w*)$/)
  if (tag) return { from: place - (tag[1]?.length ?? 0), options: TAGS.map((label) => ({ label, type: 'tag' })) }
  return /\{\{-?\s*$/.test(before) ? { from: place, options: names(sight) } : null
}

const names = (sight: Sight): Option[] =>
  [...(sight.perItem ? PER_ITEM : []), ...NAMES, ...(sight.secrets ? SECRETS : [])].map(([label, detail]) => ({
    label,
    detail,
    type: 'name',
  }))

const filters = (sight: Sight): Option[] =>
  sight.filters.map(({ name, usage, summary }) => ({
    label: name,
    detail: usage === name ? undefined : usage,
    info: summary,
    type: 'filter',
  }))

function fields(path: string, sight: Sight): Option[] {
  const plain = (list: string[]): Option[] => list.map((label) => ({ label, type: 'field' }))
  const known = valueAt(path, sight.scope)
  if (path === '$nodes')
    return sight.nodes.map((label) => ({ label, type: 'node', detail: short(sight.scope.$nodes, label) }))
  if (/^\$nodes\.[\w-]+$/.test(path)) return plain(NODE)
  if (path === '$secrets') return plain(sight.secrets ?? [])
  if (path === '$execution') return plain(EXECUTION)
  if (path === '$workflow') return plain(WORKFLOW)
  if (path === '$execution.resume_urls') return plain(sight.nodes)
  const ports: Option[] = path === '$inputs' ? plain(sight.inputPorts) : []
  if (path === '$input' && sight.inputPorts.some((port) => port !== 'main')) ports.push(...plain(sight.inputPorts))
  if (typeof known !== 'object' || known === null || Array.isArray(known)) return ports
  const seen = new Set(ports.map((port) => port.label))
  const keys = Object.keys(known).filter((key) => !seen.has(key) && /^[A-Za-z_][\w-]*$/.test(key))
  return [...ports, ...keys.map((label): Option => ({ label, type: 'field', detail: short(known, label) }))]
}

function short(map: Json | undefined, key: string): string | undefined {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined
  const value = map[key]
  if (value === undefined) return undefined
  const text = JSON.stringify(value)
  return text.length > 32 ? `${text.slice(0, 31)}…` : text
}

/** The value that a plain path names; undefined if there is none. */
export function valueAt(path: string, scope: JsonMap): Json | undefined {
  const steps = [...path.matchAll(/\$?[A-Za-z_][\w-]*|\[(-?\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)]
  let here: Json | undefined = scope
  for (const [whole, index, quoted] of steps) {
    if (typeof here !== 'object' || here === null) return undefined
    if (Array.isArray(here)) here = index === undefined ? undefined : here.at(Number(index))
    else here = index === undefined ? here[quoted ?? whole] : undefined
  }
  return here
}
