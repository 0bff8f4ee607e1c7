import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'

export type CredentialType =
  | 'basic'
  | 'bearer'
  | 'header'
  | 'query'
  | 'oauth2_client_credentials'
  | 'oauth2_authorization_code'

/** What may be told of a credential: never what is in it. */
export interface Credential {
  name: string
  version: number
  /** Null if it can't be unlocked. */
  type: CredentialType | null
  allowed_hosts: string[]
  /** What a test of it asks for. */
  test_url: string | null
  scopes: string[]
  /** False until somebody authorized it, if that must be. */
  is_ready: boolean
  token_expires_at: string | null
  updated_at: string
}

/** What is in a credential, as it is given: its type, and the fields of that type. */
export type Given = { type: CredentialType } & { [field: string]: string | string[] }

export interface PutCredential {
  credential: Given
  allowed_hosts: string[]
  test_url: string | null
  /** Set it only if this is its version; 0: only if there is none. */
  based_on: number
}

/** How a test went. */
export interface Tested {
  is_good: boolean
  /** What the service answered with. */
  status: number | null
  error: { code: string; message: string } | null
}

/** Where a person agrees, and where the service sends them back to. */
export interface Authorization {
  url: string
  redirect_uri: string
  expires_at: string
}

async function all(signal?: AbortSignal): Promise<Credential[]> {
  const found: Credential[] = []
  let after: string | undefined
  do {
    const query = { after, limit: 500 }
    const page = await api.get<{ credentials: Credential[]; next: string | null }>('/credentials', query, signal)
    found.push(...page.credentials)
    after = page.next ?? undefined
  } while (after)
  return found
}

const path = (name: string) => `/credentials/${segment(name)}`

export const credentials = {
  list: () => queryOptions({ queryKey: ['credentials'], queryFn: ({ signal }) => all(signal) }),
  put: (name: string, credential: PutCredential) => api.put<Credential>(path(name), credential),
  delete: (name: string) => api.delete(path(name)),
  test: (name: string) => api.post<Tested>(`${path(name)}/test`),
  authorize: (name: string) => api.post<Authorization>(`${path(name)}/authorize`),
}
