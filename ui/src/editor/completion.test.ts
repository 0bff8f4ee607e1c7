import { expect, test } from 'vitest'
import { complete, type Sight, valueAt } from './completion'

const sight: Sight = {
  scope: {
    $input: { name: 'Ada', list: [{ a: 1 }], 'odd key': 1 },
    $vars: { limit: 3 },
    $nodes: { fetch: { output: { body: [1, 2] } } },
  },
  nodes: ['start', 'fetch'],
  inputPorts: ['main'],
  perItem: false,
  filters: [{ name: 'upper', usage: 'upper', summary: 'Upper case.' }],
  secrets: ['mail_password'],
}

/** `|` in the text is where the cursor is. */
const labels = (marked: string, with_: Partial<Sight> = {}) => {
  const place = marked.indexOf('^')
  return complete(marked.replace('^', ''), place, { ...sight, ...with_ })?.options.map((option) => option.label) ?? null
}

test.each([
  ['{{ $^', '$input'],
  ['{{ ^', '$input'],
  ['{{^', '$nodes'],
  ['{{ $input.^', 'name'],
  ['{{ $input.na^', 'list'],
  ['{{ $input.list[0].^', 'a'],
  ['{{ $input.list[-1].^ }}', 'a'],
  ['{{ $vars.^ }}', 'limit'],
  ['{{ $sec^', '$secrets'],
  ['{{ $secrets.^', 'mail_password'],
  ['{{ $secrets.mail^ }}', 'mail_password'],
  ['{{ $nodes.^', 'fetch'],
  ['{{ $nodes.fetch.^', 'output'],
  ['{{ $nodes.fetch.output.^', 'body'],
  ['{{ $execution.^', 'run_index'],
  ['{{ $execution.resume_urls.^', 'start'],
  ['{{ $input.name | ^', 'upper'],
  ['{{ $input.name | up^', 'upper'],
  ['{{ ($input?.^', 'name'],
  ['{% ^', 'for'],
  ['a {{ 1 }} b {{ $v^', '$vars'],
  ['total: $i^', '$input'],
])('%s offers %s', (text, label) => expect(labels(text)).toContain(label))

test.each(['plain ^', '{{ $input.name }} ^', '{{ 1 + ^', '{{ a || ^'])('%s offers nothing', (text) =>
  expect(labels(text)).toBeNull(),
)

test('what can not be written with a dot is not offered', () => expect(labels('{{ $input.^')).not.toContain('odd key'))

test('per item, and other ports', () => {
  expect(labels('{{ $^', { perItem: true })?.[0]).toBe('$item')
  expect(labels('{{ $input.^', { inputPorts: ['input_a', 'input_b'] })).toContain('input_b')
  expect(labels('{{ $inputs.^')).toEqual(['main'])
})

test('outside braces the whole template is put in', () => {
  expect(complete('$in', 3, sight)?.options[0]?.apply).toBe('{{ $input }}')
})

test.each([
  ['$input.name', 'Ada'],
  ['$input["odd key"]', 1],
  ['$input.list[0]', { a: 1 }],
  ['$input.missing.deeper', undefined],
  ['$nodes.fetch.output.body[-1]', 2],
])('%s is %j', (path, value) => expect(valueAt(path, sight.scope)).toEqual(value))
