import type { Json } from '~/api/types'

/** What templates say about other nodes: found and renamed in their text. */

const inTemplate = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g

/** Every text in data that may hold a template, changed. What stays the same stays the same object. */
export function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) {
    const next = value.map((item) => mapTexts(item, change))
    return next.some((item, place) => item !== value[place]) ? next : value
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)] as const)
  return entries.some(([key, item]) => item !== value[key]) ? Object.fromEntries(entries) : value
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&')

/** Templates in which `$nodes.FROM` (and `resume_urls.FROM`) name another node instead. */
export function renameInParams(params: Json, from: string, to: string): Json {
  const dotted = new RegExp(`((?:\\$nodes|resume_urls)\\s*\\.\\s*)${escaped(from)}(?![A-Za-z0-9_-])`, 'g')
  const quoted = new RegExp(`((?:\\$nodes|resume_urls)\\s*\\[\\s*)(["'])${escaped(from)}\\2`, 'g')
  const rename = (code: string) => code.replace(dotted, `$1${to}`).replace(quoted, `$1$2${to}$2`)
  return mapTexts(params, (text) => (text.includes('{') ? text.replace(inTemplate, rename) : text))
}

/** The nodes that the templates in some data name, of those that there are. */
export function nodesNamed(value: Json | undefined, keys: string[]): Set<string> {
  const named = new Set<string>()
  if (value === undefined) return named
  const longestFirst = [...keys].sort((one, other) => other.length - one.length)
  mapTexts(value, (text) => {
    for (const [, name] of text.matchAll(/\$nodes\s*(?:\.\s*|\[\s*["'])([A-Za-z0-9_-]+)/g)) {
      const key = longestFirst.find(
        (key) => name === key || (name?.startsWith(key) && /[^A-Za-z0-9_]/.test(name[key.length] ?? '')),
      )
      if (key) named.add(key)
    }
    return text
  })
  return named
}
