import { useEffect, useRef } from 'react'
import { isTyping } from './useKeys'

interface Clipboard {
  /** The text of what is selected; null if nothing is. */
  copy: () => string | null
  cut: () => void
  /** Takes a text in; false if it is nothing for the canvas. */
  paste: (text: string) => boolean
}

/** Copies and pastes with the browser's own clipboard: a piece of a workflow is JSON, and can come from anywhere. */
export function useClipboard(clipboard: Clipboard, enabled: boolean): void {
  const now = useRef(clipboard)
  now.current = clipboard
  useEffect(() => {
    if (!enabled) return
    const isOurs = (event: ClipboardEvent) => !isTyping(event.target) && !window.getSelection()?.toString()
    const onCopy = (event: ClipboardEvent) => {
      const text = isOurs(event) ? now.current.copy() : null
      if (text === null) return
      event.clipboardData?.setData('text/plain', text)
      event.preventDefault()
      if (event.type === 'cut') now.current.cut()
    }
    const onPaste = (event: ClipboardEvent) => {
      if (isTyping(event.target)) return
      if (now.current.paste(event.clipboardData?.getData('text/plain') ?? '')) event.preventDefault()
    }
    document.addEventListener('copy', onCopy)
    document.addEventListener('cut', onCopy)
    document.addEventListener('paste', onPaste)
    return () => {
      document.removeEventListener('copy', onCopy)
      document.removeEventListener('cut', onCopy)
      document.removeEventListener('paste', onPaste)
    }
  }, [enabled])
}
