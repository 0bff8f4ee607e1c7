import type { Json, NodeExecution } from '~/api/types'

/** How a node run of one execution stands to its counterpart in another. */
export type Difference = 'same' | 'output' | 'port' | 'status' | 'only_here' | 'only_there'

export interface Pair {
  node: string
  runIndex: number
  loopPath: string
  here?: NodeExecution
  there?: NodeExecution
  difference: Difference
}

const keyOf = (run: NodeExecution) => JSON.stringify([run.node_key, run.loop_path, run.run_index])

/** The runs of two executions side by side: the same node, in the same iteration, the same time round. In the order of `here`, then what only `there` ran. */
export function compareRuns(here: NodeExecution[], there: NodeExecution[]): Pair[] {
  const others = new Map(there.map((run) => [keyOf(run), run]))
  const pairs = here.map((run) => {
    const other = others.get(keyOf(run))
    others.delete(keyOf(run))
    return pairOf(run, other)
  })
  return [...pairs, ...[...others.values()].map((run) => pairOf(undefined, run))]
}

function pairOf(here: NodeExecution | undefined, there: NodeExecution | undefined): Pair {
  const one = (here ?? there) as NodeExecution
  return {
    node: one.node_key,
    runIndex: one.run_index,
    loopPath: one.loop_path,
    here,
    there,
    difference: differenceOf(here, there),
  }
}

function differenceOf(here: NodeExecution | undefined, there: NodeExecution | undefined): Difference {
  if (!here) return 'only_there'
  if (!there) return 'only_here'
  if (here.status !== there.status) return 'status'
  if ((here.output_port ?? null) !== (there.output_port ?? null)) return 'port'
  return sameJson(here.output ?? null, there.output ?? null) ? 'same' : 'output'
}

/** Equal as data: the order of keys is no difference. */
export function sameJson(one: Json, other: Json): boolean {
  return changes(one, other, 1).length === 0
}

/** A place in two values where they differ. */
export interface Change {
  path: (string | number)[]
  /** What is there; undefined if the place isn't. */
  before?: Json
  after?: Json
}

/** The places where two values differ, at most `limit`. */
export function changes(before: Json, after: Json, limit = 200): Change[] {
  const found: Change[] = []
  const stack: Change[] = [{ path: [], before, after }]
  while (stack.length > 0 && found.length < limit) {
    const { path, before, after } = stack.pop() as Change
    if (before === after) continue
    const inner = childrenOf(path, before, after)
    if (inner) stack.push(...inner.reverse())
    else found.push({ path, before, after })
  }
  return found
}

/** The pairs below two containers of the same kind; null where they must be compared as they stand. */
function childrenOf(path: (string | number)[], before: Json | undefined, after: Json | undefined): Change[] | null {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, place) => ({
      path: [...path, place],
      before: before[place],
      after: after[place],
    }))
  }
  if (!isMap(before) || !isMap(after)) return null
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.map((key) => ({ path: [...path, key], before: own(before, key), after: own(after, key) }))
}

const own = (map: { [key: string]: Json }, key: string) => (Object.hasOwn(map, key) ? map[key] : undefined)
const isMap = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
