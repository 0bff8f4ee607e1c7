import { expect, test } from 'vitest'
import type { Action } from '~/api/types'
import { found } from './actionSearch'

const action = (type: string, title: string, kind: Action['kind'], description = ''): Action =>
  ({ type, title, kind, description, aliases: [] }) as unknown as Action

const all = [
  action('manual.trigger', 'Manual trigger', 'trigger'),
  action('data.set_data', 'Set data', 'action', 'Its output is the map in fields.'),
  action('data.filter', 'Filter', 'action', 'Keeps items.'),
  action('logic.if_condition', 'If', 'logic', 'Decides.'),
  action('slack.post_message', 'Slack: Post a message', 'action'),
  action('data.validate', 'Validate', 'logic', 'Checks data against a schema.'),
]

const types = (words: string, wishes = {}) =>
  found(all, words, wishes).flatMap((group) => group.actions.map((one) => one.type))

test.each([
  ['', 6],
  ['slack message', 1],
  ['data', 3],
  ['SET data', 1],
  ['nothing at all', 0],
])('"%s" finds %d', (words, count) => expect(types(words)).toHaveLength(count))

test('what is built in comes before services', () =>
  expect(found(all, '').map((group) => group.kind)).toEqual(['action', 'logic', 'service', 'trigger']))

test('titles count more than what is said about an action', () => expect(types('data')[0]).toBe('data.set_data'))
test('triggers first, or not at all', () => {
  expect(types('', { triggersFirst: true })[0]).toBe('manual.trigger')
  expect(types('', { withoutTriggers: true })).not.toContain('manual.trigger')
})
