import { expect, test } from 'vitest'
import type { Action, WorkflowDocument } from '~/api/types'
import { connect, disconnect, moveConnection, removeNodes, renameKey, setParam } from './document'
import { readYaml, updateYaml, writeYaml } from './yaml'

const action = (type: string, outputs: string[], default_port: string | null): [string, Action] => [
  type,
  {
    type,
    aliases: [],
    title: type,
    description: '',
    kind: 'action',
    effect: 'pure',
    ports: { inputs: [{ name: 'main', required: false }], outputs, any_output: false },
    default_port,
    literal_params: [],
    item_params: [],
    params_schema: {},
  },
]
const actions = new Map([
  action('manual.trigger', ['main'], 'main'),
  action('core.no_op', ['main'], 'main'),
  action('logic.if_condition', ['true', 'false'], null),
])

const text = `# what it is for
id: w
variables: {limit: 200} # in euros
nodes:
  - {key: start, type: manual.trigger} # by hand
  # the question
  - key: big
    type: logic.if_condition
    params:
      condition: "{{ $input.n > 1 }}" # strictly
  - {key: yes, type: core.no_op}
connections:
  # the way in
  - start -> big
  - big.true -> yes
`

const read = (text: string): WorkflowDocument => {
  const read = readYaml(text, actions)
  if ('errors' in read) throw new Error(read.errors[0]?.message)
  return read.document
}

test('a text says its document', () => {
  expect(read(text)).toEqual({
    id: 'w',
    variables: { limit: 200 },
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      { key: 'big', type: 'logic.if_condition', params: { condition: '{{ $input.n > 1 }}' } },
      { key: 'yes', type: 'core.no_op' },
    ],
    connections: { start: { main: [{ to: 'big' }] }, big: { true: [{ to: 'yes' }] } },
  })
})

test('both forms of connections are read', () => {
  const map = read('id: w\nnodes: []\nconnections: {big: {true: [{to: yes}]}}\n')
  expect(map.connections).toEqual({ big: { true: [{ to: 'yes' }] } })
  const chain = read(
    'id: w\nnodes: [{key: a, type: core.no_op}, {key: b, type: core.no_op}]\nconnections: [a -> b.in -> c]\n',
  )
  expect(chain.connections).toEqual({ a: { main: [{ to: 'b', to_port: 'in' }] }, b: { main: [{ to: 'c' }] } })
})

test.each([
  ['id: [', /./],
  ['- a', /a workflow is a map/],
  ['nodes: []', /needs an `id`/],
  ['id: w\nnodes: [{key: a}]', /needs `key` and `type`/],
  ['id: w\nnodes: [{key: a, type: logic.if_condition}]\nconnections: [a -> b]', /by which port `a` goes on/],
  ['id: w\nnodes: []\nconnections: [a]', /from -> to/],
  ['id: w\nnodes: []\nconnections: {a: 3}', /connections.a/],
])('%j is told to be wrong', (text, message) => {
  const read = readYaml(text, actions)
  expect('errors' in read && read.errors[0]?.message).toMatch(message)
})

const change = (what: string, next: (document: WorkflowDocument) => WorkflowDocument, expected: string) =>
  test(what, () => {
    const document = next(read(text))
    const updated = updateYaml(text, document, actions)
    expect(updated).toBe(expected)
    expect(read(updated)).toEqual(document)
  })

change('no change, no other text', (document) => document, text)

change(
  'a parameter keeps the comments around it',
  (document) => setParam(document, 'big', 'params', ['condition'], '{{ $input.n > 2 }}'),
  text.replace('$input.n > 1', '$input.n > 2'),
)

change(
  'a connection is a line more',
  (document) => connect(document, { from: 'big', port: 'false', to: 'start', toPort: 'main' }),
  `${text}  - big.false -> start\n`,
)

change(
  'a connection is a line less',
  (document) => disconnect(document, [{ from: 'big', port: 'true', to: 'yes', toPort: 'main' }]),
  text.replace('  - big.true -> yes\n', ''),
)

test('what was changed and changed back is what it was', () => {
  const document = read(text)
  const renamed = renameKey(document, 'yes', 'fine')
  const there = updateYaml(text, renamed, actions)
  expect(there).toContain('- big.true -> fine')
  expect(read(updateYaml(there, document, actions))).toEqual(document)
})

test('a chain that is cut becomes lines', () => {
  const chain =
    'id: w\nnodes: [{key: a, type: core.no_op}, {key: b, type: core.no_op}, {key: c, type: core.no_op}]\nconnections:\n  - a -> b -> c\n'
  const document = removeNodes(read(chain), ['a'])
  expect(updateYaml(chain, document, actions)).toContain('- b -> c')
})

test('the order of branches survives', () => {
  const two =
    'id: w\nnodes: [{key: a, type: core.no_op}, {key: b, type: core.no_op}, {key: c, type: core.no_op}]\nconnections:\n  - a -> b\n  - a -> c\n'
  const document = moveConnection(read(two), { from: 'a', port: 'main', to: 'c', toPort: 'main' }, -1)
  expect(read(updateYaml(two, document, actions)).connections).toEqual({ a: { main: [{ to: 'c' }, { to: 'b' }] } })
})

test('a document without a text gets one that people would write', () => {
  const document = read(text)
  expect(writeYaml(document, actions)).toBe(`id: w
variables:
  limit: 200
nodes:
  - {key: start, type: manual.trigger}
  - key: big
    type: logic.if_condition
    params: {condition: "{{ $input.n > 1 }}"}
  - {key: yes, type: core.no_op}
connections:
  - start -> big
  - big.true -> yes
`)
})

test('text of several lines is a block', () => {
  const document = setParam(read(text), 'big', 'params', ['condition'], 'one\ntwo\n')
  expect(updateYaml(text, document, actions)).toContain('condition: | # strictly\n        one\n        two\n')
})

test('whole numbers keep their digits, however many', () => {
  const long =
    'id: w\nvariables: {long: 9007199254740993, short: 9007199254740991, negative: -9223372036854775808}\nnodes: []\n'
  const read = readYaml(long, actions)
  if ('errors' in read) throw new Error(read.errors[0]?.message)
  expect(read.document.variables).toEqual({
    long: 9007199254740993n,
    short: 9007199254740991,
    negative: -9223372036854775808n,
  })
  expect(updateYaml(long, { ...read.document, name: 'n' }, actions)).toContain('{long: 9007199254740993, short')
  expect(writeYaml(read.document, actions)).toContain('-9223372036854775808')
})
