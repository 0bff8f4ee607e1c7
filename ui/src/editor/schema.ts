import type { Action, Json, JsonSchema } from '~/api/types'

/** What a form asks for a parameter, made from its JSON Schema. */
export type Field = { title: string; description: string; required: boolean; fallback: Json | undefined } & FieldKind

export interface Choice {
  value: string
  description: string
}

export type FieldKind =
  | { kind: 'text' }
  /** Text that is never a template, such as code. */
  | { kind: 'code' }
  | { kind: 'number'; whole: boolean; min?: number; max?: number }
  | { kind: 'switch' }
  | { kind: 'choice'; choices: Choice[] }
  /** One word, or a list of them. */
  | { kind: 'words' }
  | { kind: 'group'; fields: NamedField[] }
  | { kind: 'map'; item: Field }
  | { kind: 'list'; item: Field }
  | { kind: 'any' }

export type NamedField = { name: string; field: Field }

const ANY: JsonSchema = {}

/** How deep schemas that contain themselves are followed. */
const DEEPEST = 6

/** The fields of an action's parameters, required ones first. */
export function fieldsOf(action: Action): NamedField[] {
  const fields = groupFields(action.params_schema, action.params_schema, 0)
  return fields.map(({ name, field }) =>
    action.literal_params.includes(name)
      ? { name, field: { ...field, kind: 'code' as const } as Field }
      : { name, field },
  )
}

function groupFields(schema: JsonSchema, root: JsonSchema, depth: number): NamedField[] {
  const required = new Set(schema.required ?? [])
  const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => ({
    name,
    field: fieldOf(asSchema(inner), root, { title: titleOf(name), required: required.has(name) }, depth + 1),
  }))
  return [...fields.filter(({ field }) => field.required), ...fields.filter(({ field }) => !field.required)]
}

const asSchema = (schema: JsonSchema | boolean | undefined): JsonSchema => (typeof schema === 'object' ? schema : ANY)

function fieldOf(
  schema: JsonSchema,
  root: JsonSchema,
  named: { title: string; required: boolean },
  depth: number,
): Field {
  const full = resolved(schema, root)
  return {
    title: named.title,
    required: named.required,
    description: schema.description ?? full.description ?? '',
    fallback: schema.default ?? full.default,
    ...kindOf(full, root, depth),
  }
}

/** A schema with its reference followed, and `null` taken out: a parameter that may be null may be left out. */
function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let here = schema
  for (let steps = 0; steps < 8; steps++) {
    const name = here.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1]
    const ways = (here.anyOf ?? here.oneOf)?.map(asSchema).filter((way) => way.type !== 'null')
    if (name && root.$defs?.[name])
      here = { ...root.$defs[name], ...(here.description ? { description: here.description } : {}) }
    else if (ways?.length === 1 && ways[0] && ways[0].const === undefined)
      here = { ...ways[0], description: here.description ?? ways[0].description, default: here.default }
    else break
  }
  return here
}

function typeOf(schema: JsonSchema): string | undefined {
  if (!Array.isArray(schema.type)) return schema.type
  const types = schema.type.filter((type) => type !== 'null')
  return types.length === 1 ? types[0] : undefined
}

function kindOf(schema: JsonSchema, root: JsonSchema, depth: number): FieldKind {
  const choices = choicesOf(schema)
  if (choices) return { kind: 'choice', choices }
  if (isWords(schema, root)) return { kind: 'words' }
  const type = typeOf(schema)
  if (type === 'string') return { kind: 'text' }
  if (type === 'boolean') return { kind: 'switch' }
  if (type === 'integer' || type === 'number')
    return { kind: 'number', whole: type === 'integer', min: schema.minimum, max: schema.maximum }
  if (depth > DEEPEST) return { kind: 'any' }
  const inner = (of: JsonSchema | boolean | undefined) =>
    fieldOf(asSchema(of), root, { title: '', required: true }, depth + 1)
  if (type === 'array') return { kind: 'list', item: inner(schema.items) }
  if (type === 'object' && schema.properties) return { kind: 'group', fields: groupFields(schema, root, depth) }
  if (type === 'object') return { kind: 'map', item: inner(schema.additionalProperties) }
  return { kind: 'any' }
}

function choicesOf(schema: JsonSchema): Choice[] | null {
  if (schema.enum?.every((value) => typeof value === 'string'))
    return schema.enum.map((value) => ({ value: String(value), description: '' }))
  const ways = (schema.oneOf ?? schema.anyOf)?.map(asSchema)
  if (!ways?.length || !ways.every((way) => typeof way.const === 'string')) return null
  return ways.map((way) => ({ value: String(way.const), description: way.description ?? '' }))
}

/** A text, or a list of texts. */
function isWords(schema: JsonSchema, root: JsonSchema): boolean {
  const ways = (schema.anyOf ?? []).map((way) => resolved(asSchema(way), root))
  return (
    ways.length === 2 &&
    typeOf(ways[0] ?? {}) === 'string' &&
    typeOf(ways[1] ?? {}) === 'array' &&
    typeOf(resolved(asSchema(ways[1]?.items), root)) === 'string'
  )
}

/** The fields of a group that have a say, as far as its schema tells: none beside a stored credential, and of `basic: the name.` only with that type. */
export function fieldsThatCount(fields: NamedField[], values: { [name: string]: Json }): NamedField[] {
  const types = fields.find(({ name }) => name === 'type')?.field
  const known = types?.kind === 'choice' ? types.choices.map(({ value }) => value) : []
  const isNamed = fields.some(({ name }) => name === 'credential') && Boolean(values.credential)
  return fields.filter(({ name, field }) => {
    if (values[name] !== undefined || name === 'credential') return true
    if (isNamed) return false
    const of = (field.description.match(/^([\w, ]+):/)?.[1] ?? '')
      .split(/, | and /)
      .filter((word) => known.includes(word))
    return of.length === 0 || of.includes(String(values.type))
  })
}

/** `timeout_ms` as people read it: Timeout (ms). */
export function titleOf(name: string): string {
  const words = name.replace(/_ms$/, ' (ms)').replace(/_mb$/, ' (MB)').replace(/_/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** True for text that has a template in it. */
export const isTemplate = (value: Json | undefined): value is string =>
  typeof value === 'string' && /\{\{|\{%|\{#/.test(value)
