import { parseJson } from './json'
import { Problem, problemOf, unreachable } from './problem'
import type { Json } from './types'

export const API = '/api/v1'

type Query = { [name: string]: string | number | boolean | null | undefined }

interface Options {
  query?: Query
  body?: unknown
  headers?: { [name: string]: string }
  signal?: AbortSignal
}

let csrfToken: string | null = null
let onSignedOut: () => void = () => {}

/** The token that every change must carry once somebody is signed in. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token
}

/** What to do when the server says that nobody is signed in. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then
}

/** Asks the server; throws a {@link Problem} for everything but success. */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: { [name: string]: string } = { accept: 'application/json', ...options.headers }
  if (method !== 'GET') {
    headers['content-type'] = 'application/json'
    if (csrfToken) headers['x-csrf-token'] = csrfToken
  }
  const init: RequestInit = { method, headers, signal: options.signal, credentials: 'same-origin' }
  if (method !== 'GET' && method !== 'DELETE') init.body = JSON.stringify(options.body ?? {})
  const response = await send(`${API}${path}${queryText(options.query)}`, init)
  if (!response.ok) {
    const problem = await problemOf(response)
    if (problem.status === 401) onSignedOut()
    throw problem
  }
  if (response.status === 204) return undefined as T
  return parseJson(await response.text()) as T
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw unreachable()
  }
}

function queryText(query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', path, { query, signal }),
  post: <T>(path: string, body: unknown = {}, options: Options = {}) => request<T>('POST', path, { ...options, body }),
  put: <T>(path: string, body: unknown, query?: Query) => request<T>('PUT', path, { body, query }),
  delete: <T = void>(path: string) => request<T>('DELETE', path),
}

/** A piece of a path, whatever its characters. */
export const segment = (text: string | number) => encodeURIComponent(text)

export type { Json }
export { Problem }
