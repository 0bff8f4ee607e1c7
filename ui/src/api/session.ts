import { queryOptions } from '@tanstack/react-query'
import { api, setCsrfToken } from './client'

export type Scope = 'read' | 'run' | 'edit' | 'admin'

/** Who is in. */
export interface Session {
  authenticated: boolean
  /** True while no token and no user was ever made: everybody at this machine may do everything. */
  open: boolean
  who: { kind: 'anyone' | 'local' | 'token' | 'user' | 'link'; name?: string; id?: string } | null
  scope: Scope | null
  allowed: Scope[]
  csrf_token: string | null
  can_log_in: boolean
}

async function current(): Promise<Session> {
  const session = await api.get<Session>('/session')
  setCsrfToken(session.csrf_token)
  return session
}

export const session = {
  current: () => queryOptions({ queryKey: ['session'], queryFn: current, staleTime: 60_000 }),
  signIn: (user: string, password: string) => api.post<{ user: string }>('/login', { user, password }),
  signOut: () => api.post<void>('/logout'),
  changePassword: (current: string, next: string) => api.post('/password', { current, new: next }),
}
