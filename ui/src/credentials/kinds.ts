import type { CredentialType, Given } from '~/api/credentials'

/** A field of a credential's form. */
export interface GivenField {
  name: string
  title: string
  about?: string
  /** Told to nobody: shown as dots. */
  secret?: boolean
  optional?: boolean
  /** Several words instead of one text. */
  words?: boolean
  choices?: { value: string; label: string }[]
}

export interface CredentialKind {
  type: CredentialType
  title: string
  about: string
  fields: GivenField[]
}

const TOKEN_URL: GivenField = { name: 'token_url', title: 'Token address', about: 'Where tokens are asked for' }
const CLIENT_ID: GivenField = { name: 'client_id', title: 'Client id' }
const SECRET: GivenField = { name: 'client_secret', title: 'Client secret', secret: true }
const SCOPES: GivenField = {
  name: 'scopes',
  title: 'Scopes',
  about: 'What for; Enter after each',
  words: true,
  optional: true,
}
const AUTH_STYLE: GivenField = {
  name: 'auth_style',
  title: 'How the token address is told who asks',
  optional: true,
  choices: [
    { value: 'basic', label: 'In the Authorization header' },
    { value: 'body', label: 'In the body' },
  ],
}

/** What each kind of credential is made of. */
export const KINDS: CredentialKind[] = [
  {
    type: 'bearer',
    title: 'Token',
    about: 'Sent as Authorization: Bearer …',
    fields: [{ name: 'token', title: 'Token', secret: true }],
  },
  {
    type: 'basic',
    title: 'Name and password',
    about: 'Sent as Authorization: Basic …',
    fields: [
      { name: 'username', title: 'User name' },
      { name: 'password', title: 'Password', secret: true },
    ],
  },
  {
    type: 'header',
    title: 'Header',
    about: 'A header with a name of its own, such as X-Api-Key',
    fields: [
      { name: 'name', title: 'Name of the header' },
      { name: 'value', title: 'Value', secret: true },
    ],
  },
  {
    type: 'query',
    title: 'Query parameter',
    about: 'A part of the address, such as ?key=…',
    fields: [
      { name: 'name', title: 'Name of the parameter' },
      { name: 'value', title: 'Value', secret: true },
    ],
  },
  {
    type: 'oauth2_client_credentials',
    title: 'OAuth 2, for programs',
    about: 'Gets and renews tokens by itself',
    fields: [
      TOKEN_URL,
      CLIENT_ID,
      SECRET,
      SCOPES,
      { name: 'audience', title: 'Audience', about: 'Where the service wants to know it', optional: true },
      AUTH_STYLE,
    ],
  },
  {
    type: 'oauth2_authorization_code',
    title: 'OAuth 2, with a person',
    about: 'Somebody agrees once in the browser; tokens are renewed from then on',
    fields: [
      { name: 'authorize_url', title: 'Authorization address', about: 'Where the person is asked' },
      TOKEN_URL,
      CLIENT_ID,
      { ...SECRET, about: 'A public client has none', optional: true },
      SCOPES,
      AUTH_STYLE,
    ],
  },
]

export const kindOf = (type: CredentialType | null) => KINDS.find((kind) => kind.type === type)

export type Values = { [field: string]: string | string[] }

const isEmpty = (value: string | string[] | undefined) => value === undefined || value.length === 0

/** What is sent: the fields of this kind, and of those that may be left out the ones that were filled in. */
export function givenOf(kind: CredentialKind, values: Values): Given {
  const filled = kind.fields.filter((field) => !field.optional || !isEmpty(values[field.name]))
  return { type: kind.type, ...Object.fromEntries(filled.map(({ name }) => [name, values[name] ?? ''])) } as Given
}

/** True if nothing is missing. */
export const isWhole = (kind: CredentialKind, values: Values) =>
  kind.fields.every((field) => field.optional || !isEmpty(values[field.name]))
