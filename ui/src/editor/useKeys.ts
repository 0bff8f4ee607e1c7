import { useEffect, useRef } from 'react'

/** What keys do, by name: `mod+shift+z`, `delete`, `a`. */
export type Keys = { [combination: string]: () => void }

/** True where keys belong to what is typed. */
export const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

/** These work while somebody types, too. */
const ALWAYS = new Set(['mod+s', 'mod+enter'])

export function useKeys(keys: Keys, enabled: boolean): void {
  const now = useRef(keys)
  now.current = keys
  useEffect(() => {
    if (!enabled) return
    const onKeyDown = (event: KeyboardEvent) => {
      const name = nameOf(event)
      const act = now.current[name]
      if (!act || event.defaultPrevented) return
      if (isTyping(event.target) && !ALWAYS.has(name)) return
      event.preventDefault()
      act()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [enabled])
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key.toLowerCase()
  const parts = [
    event.ctrlKey || event.metaKey ? 'mod' : '',
    event.altKey ? 'alt' : '',
    event.shiftKey && key.length > 1 ? 'shift' : '',
    event.shiftKey && /[a-z]/.test(key) && key.length === 1 ? 'shift' : '',
  ]
  return [...parts.filter(Boolean), key].join('+')
}
