import type { Suspension } from '~/api/types'
import type { Step } from './replay'

const KINDS: { [kind in Step['kind']]: string } = {
  execution_started: 'The execution began',
  execution_resumed: 'The execution goes on',
  execution_suspended: 'Nothing can run before something outside happens',
  execution_completed: 'The execution completed',
  execution_failed: 'The execution failed',
  execution_cancelled: 'The execution was cancelled',
  node_starting: 'runs',
  node_completed: 'completed',
  node_failed: 'failed',
  node_retrying: 'failed, and is tried again',
  node_suspended: 'waits',
  node_skipped: 'was skipped',
}

/** A step in words, without the name of its node. */
export const stepWords = (step: Step) => KINDS[step.kind]

/** What a node waits for. */
export function waitWords(kind: Suspension['type'] | string): string {
  switch (kind) {
    case 'webhook':
      return 'an answer'
    case 'decision':
      return 'a decision'
    case 'interval':
    case 'schedule':
      return 'its time'
    case 'retry':
      return 'the next attempt'
    case 'sub_workflow':
      return 'the end of another execution'
    default:
      return kind
  }
}

/** What ended a wait. */
export function resumedWords(by: string | null | undefined): string {
  switch (by) {
    case 'call':
      return 'answered'
    case 'timer':
      return 'its time came'
    case 'child':
      return 'the other execution ended'
    case 'recovery':
      return 'went on after a restart'
    default:
      return 'went on'
  }
}

/** `each:2/inner:0` as people read it. */
export function loopWords(loopPath: string): string {
  if (loopPath === '') return ''
  return loopPath
    .split('/')
    .map((part) => {
      const colon = part.lastIndexOf(':')
      return `${part.slice(0, colon)}, iteration ${Number(part.slice(colon + 1)) + 1}`
    })
    .join(', ')
}
