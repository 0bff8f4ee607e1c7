import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'
import type { Scope } from './session'
import type { Json } from './types'

/** A token, as listed: not its secret. */
export interface Token {
  id: string
  name: string
  scope: Scope
  created_at: string
  expires_at: string | null
  last_used_at: string | null
}

export interface NewToken {
  name: string
  scope: Scope
  expires_in_days?: number
}

export interface User {
  name: string
  scope: Scope
}

/** An entry of the change log. */
export interface Change {
  at: string
  who: { kind: string; name?: string; id?: string }
  from: string | null
  action: string
  target: string | null
  details: Json
}

export const access = {
  tokens: () =>
    queryOptions({
      queryKey: ['tokens'],
      queryFn: ({ signal }) => api.get<{ tokens: Token[] }>('/tokens', {}, signal).then((answer) => answer.tokens),
    }),
  /** The answer's `token` is the text to use; it is told this once. */
  createToken: (token: NewToken) => api.post<Token & { token: string }>('/tokens', token),
  revokeToken: (id: string) => api.delete(`/tokens/${segment(id)}`),

  users: () =>
    queryOptions({
      queryKey: ['users'],
      queryFn: ({ signal }) => api.get<{ users: User[] }>('/users', {}, signal).then((answer) => answer.users),
    }),
  putUser: (name: string, body: { password?: string; scope?: Scope }) =>
    api.put<{ name: string; is_new: boolean }>(`/users/${segment(name)}`, body),
  deleteUser: (name: string) => api.delete(`/users/${segment(name)}`),

  changes: (cursor?: string) => api.get<{ changes: Change[]; next: string | null }>('/changes', { cursor, limit: 100 }),
}
