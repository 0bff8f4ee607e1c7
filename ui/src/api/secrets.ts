import { queryOptions } from '@tanstack/react-query'
import { api, segment } from './client'

/** What may be told of a secret: never its value. */
export interface Secret {
  name: string
  version: number
  allowed_hosts: string[]
  updated_at: string
  master_key: string
}

export interface PutSecret {
  value: string
  allowed_hosts: string[]
  /** Set it only if this is its version; 0: only if there is none. */
  based_on: number
}

async function all(signal?: AbortSignal): Promise<Secret[]> {
  const secrets: Secret[] = []
  let after: string | undefined
  do {
    const page = await api.get<{ secrets: Secret[]; next: string | null }>('/secrets', { after, limit: 500 }, signal)
    secrets.push(...page.secrets)
    after = page.next ?? undefined
  } while (after)
  return secrets
}

export const secrets = {
  list: () => queryOptions({ queryKey: ['secrets'], queryFn: ({ signal }) => all(signal) }),
  put: (name: string, secret: PutSecret) => api.put<Secret>(`/secrets/${segment(name)}`, secret),
  delete: (name: string) => api.delete(`/secrets/${segment(name)}`),
}
