import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { givenOf, isWhole, KINDS, kindOf } from './kinds'

const kind = (type: (typeof KINDS)[number]['type']) => kindOf(type) ?? KINDS[0]

test('only the fields of its kind are sent, and of those that may be left out only the filled ones', () => {
  const code = kind('oauth2_authorization_code')
  if (!code) throw new Error('there is such a kind')
  const values = { authorize_url: 'a', token_url: 't', client_id: 'c', client_secret: '', scopes: [], password: 'x' }
  expect(givenOf(code, values)).toEqual({
    type: 'oauth2_authorization_code',
    authorize_url: 'a',
    token_url: 't',
    client_id: 'c',
  })
  expect(givenOf(code, { ...values, scopes: ['mail'] }).scopes).toEqual(['mail'])
})

test.each(KINDS)('$type is whole once all that it needs is there', (kind) => {
  expect(isWhole(kind, {})).toBe(false)
  expect(isWhole(kind, Object.fromEntries(kind.fields.map((field) => [field.name, field.optional ? '' : 'x'])))).toBe(
    true,
  )
})

test('each kind asks for what the API takes, and for nothing else', () => {
  const document = JSON.parse(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'))
  const given: { required: string[]; properties: { [name: string]: { enum?: string[] } } }[] =
    document.components.schemas.CredentialGiven.oneOf
  const taken = given.map(({ required, properties: { type, ...fields } }) => ({
    type: type?.enum?.[0],
    fields: Object.keys(fields).sort(),
    optional: Object.keys(fields)
      .filter((name) => !required.includes(name))
      .sort(),
  }))
  const asked = KINDS.map(({ type, fields }) => ({
    type,
    fields: fields.map((field) => field.name).sort(),
    optional: fields.flatMap((field) => (field.optional ? [field.name] : [])).sort(),
  }))
  const byType = (one: { type?: string }, other: { type?: string }) => (one.type ?? '').localeCompare(other.type ?? '')
  expect(asked.sort(byType)).toEqual(taken.sort(byType))
})
