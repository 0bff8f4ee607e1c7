import { useEffect } from 'react'
import { useEditorStore } from './store'

/** Asks before a tab with unsaved changes is closed. */
export function useUnsavedWarning(): void {
  const store = useEditorStore()
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      const { document, saved } = store.getState()
      if (document !== saved.document) event.preventDefault()
    }
    window.addEventListener('beforeunload', warn)
    return () => window.removeEventListener('beforeunload', warn)
  }, [store])
}
