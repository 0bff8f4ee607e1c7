import { queryOptions } from '@tanstack/react-query'
import { api, Problem, setCsrfToken } from './client'

/** Who is signed in. A server that asks nobody to sign in has no sessions. */
export interface Session {
  /** False where the server asks nobody to sign in. */
  required: boolean
  signed_in: boolean
  user?: string | null
  csrf_token?: string | null
}

const OPEN: Session = { required: false, signed_in: true }

async function current(): Promise<Session> {
  try {
    const session = await api.get<Session>('/session')
    setCsrfToken(session.csrf_token ?? null)
    return session
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return OPEN
    if (error instanceof Problem && error.status === 401) return { required: true, signed_in: false }
    throw error
  }
}

export const session = {
  current: () => queryOptions({ queryKey: ['session'], queryFn: current, staleTime: 60_000 }),
  signIn: (body: { [name: string]: string }) => api.post('/session', body),
  signOut: () => api.delete('/session'),
}
