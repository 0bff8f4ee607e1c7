import { expect, test } from 'vitest'
import type { Action, JsonSchema } from '~/api/types'
import { fieldsOf, fieldsThatCount, isTemplate, type NamedField, titleOf } from './schema'

const fields = (params_schema: JsonSchema, literal_params: string[] = []) =>
  fieldsOf({ params_schema, literal_params } as Action)

const check = (schema: JsonSchema, expected: object, $defs: { [name: string]: JsonSchema } = {}) =>
  expect(fields({ type: 'object', properties: { x: schema }, $defs })[0]?.field).toMatchObject(expected)

test('what is asked for comes from the type', () => {
  check({ type: 'string', description: 'Where to.' }, { kind: 'text', description: 'Where to.', title: 'X' })
  check({ type: 'boolean', default: true }, { kind: 'switch', fallback: true })
  check({ type: 'integer', minimum: 1, maximum: 10 }, { kind: 'number', whole: true, min: 1, max: 10 })
  check({ type: ['number', 'null'] }, { kind: 'number', whole: false })
  check({ type: 'object', additionalProperties: true }, { kind: 'map', item: { kind: 'any' } })
  check({ type: 'array', items: { type: 'string' } }, { kind: 'list', item: { kind: 'text' } })
  check({ description: 'The list.', default: null }, { kind: 'any' })
  check({ enum: ['a', 'b'] }, { kind: 'choice', choices: [{ value: 'a' }, { value: 'b' }] })
})

test('references are followed, and keep what is said where they stand', () => {
  const Mode: JsonSchema = { oneOf: [{ type: 'string', const: 'one', description: 'One.' }], description: 'A mode.' }
  check(
    { $ref: '#/$defs/Mode' },
    { kind: 'choice', choices: [{ value: 'one', description: 'One.' }], description: 'A mode.' },
    { Mode },
  )
  check({ $ref: '#/$defs/Mode', description: 'Mine.' }, { description: 'Mine.' }, { Mode })
  const Batch: JsonSchema = { type: 'object', properties: { items: { type: 'array' } }, required: ['items'] }
  check(
    { anyOf: [{ $ref: '#/$defs/Batch' }, { type: 'null' }] },
    { kind: 'group', fields: [{ name: 'items' }] },
    { Batch },
  )
})

test('one word or several', () => {
  check({ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }, { kind: 'words' })
})

test('a schema that contains itself ends somewhere', () => {
  const Tree: JsonSchema = { type: 'object', properties: { child: { $ref: '#/$defs/Tree' } } }
  check({ $ref: '#/$defs/Tree' }, { kind: 'group' }, { Tree })
})

test('required fields come first, and code is no template', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'string' } },
    required: ['b'],
  }
  expect(fields(schema, ['a']).map(({ name, field }) => [name, field.kind])).toEqual([
    ['b', 'text'],
    ['a', 'code'],
  ])
})

test('names as people read them', () => {
  expect(titleOf('timeout_ms')).toBe('Timeout (ms)')
  expect(titleOf('body_type')).toBe('Body type')
})

test('templates are told from text', () => {
  for (const yes of ['{{ $input }}', 'a {% if x %}', '{# c #}']) expect(isTemplate(yes)).toBe(true)
  for (const no of ['a', '{ }', 3, undefined]) expect(isTemplate(no)).toBe(false)
})

test('of a group, only what has a say is asked for', () => {
  const field = (name: string, description: string, rest: object = { kind: 'text' }) =>
    ({ name, field: { title: name, description, required: false, fallback: undefined, ...rest } }) as NamedField
  const choices = ['none', 'basic', 'bearer'].map((value) => ({ value, description: '' }))
  const auth = [
    field('credential', 'A name.'),
    field('type', 'The way.', { kind: 'choice', choices }),
    field('username', 'basic: the name.'),
    field('token', 'bearer: the token.'),
    field('note', 'All: kinds of notes.'),
  ]
  const names = (values: { [name: string]: string }) => fieldsThatCount(auth, values).map(({ name }) => name)
  expect(names({})).toEqual(['credential', 'type', 'note'])
  expect(names({ type: 'basic' })).toEqual(['credential', 'type', 'username', 'note'])
  expect(names({ credential: 'shop' })).toEqual(['credential'])
  expect(names({ credential: 'shop', token: 'x' })).toEqual(['credential', 'token'])
})
