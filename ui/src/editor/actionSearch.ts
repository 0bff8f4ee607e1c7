import type { Action, NodeDocument } from '~/api/types'

type Kind = Action['kind'] | 'service'

export const GROUPS: { [kind in Kind]: string } = {
  trigger: 'What starts it',
  logic: 'Which way to go',
  action: 'What it does',
  wait: 'Wait',
  output: 'Answer',
  service: 'With other services',
}

/** The groups, in the order in which a workflow is made. */
export const KINDS: Kind[] = ['trigger', 'action', 'logic', 'wait', 'output', 'service']

/** The service that an action of a connector is for: `Slack: Post a message` is for Slack. */
export const serviceOf = ({ title }: Action) => (title.includes(': ') ? title.split(': ')[0] : undefined)

const kindOf = (action: Action): Kind => (serviceOf(action) === undefined ? action.kind : 'service')

export interface Group {
  kind: Kind
  actions: Action[]
}

interface Wishes {
  withoutTriggers?: boolean
  triggersFirst?: boolean
}

/** Actions that fit some words, in groups; the best first. */
export function found(actions: Action[], words: string, { withoutTriggers, triggersFirst }: Wishes = {}): Group[] {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean)
  const scored = actions
    .filter((action) => !(withoutTriggers && action.kind === 'trigger'))
    .map((action) => ({ action, score: score(action, asked) }))
    .filter(({ score }) => score > 0)
  const kinds: Kind[] = triggersFirst ? KINDS : [...KINDS.slice(1), 'trigger']
  const groups = kinds.map((kind) => {
    const mine = scored.filter(({ action }) => kindOf(action) === kind).sort((one, other) => other.score - one.score)
    return { kind, actions: mine.map(({ action }) => action), best: mine[0]?.score ?? 0 }
  })
  const filled = groups.filter((group) => group.actions.length > 0)
  return asked.length === 0 ? filled : filled.sort((one, other) => other.best - one.best)
}

/** How well an action fits: 0 for not at all. */
function score(action: Action, asked: string[]): number {
  const title = action.title.toLowerCase()
  const type = action.type.toLowerCase()
  let sum = 1
  for (const word of asked) {
    if (title.startsWith(word)) sum += 40
    else if (title.includes(word)) sum += 20
    else if (type.includes(word) || action.aliases.some((alias) => alias.includes(word))) sum += 10
    else if (action.description.toLowerCase().includes(word)) sum += 3
    else return 0
  }
  return sum
}

/** The nodes at which an execution can begin. */
export function triggersOf(
  nodes: NodeDocument[],
  actions: Map<string, Action>,
): { key: string; name: string; type: string }[] {
  return nodes
    .filter((node) => actions.get(node.type)?.kind === 'trigger')
    .map((node) => ({ key: node.key, name: node.name ?? node.key, type: actions.get(node.type)?.type ?? node.type }))
}
