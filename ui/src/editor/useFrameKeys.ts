import { useEditorStore } from './store'
import { useClipboard } from './useClipboard'
import type { Frame } from './useFrame'
import { useKeys } from './useKeys'

/** What the keys do in the editor, and the clipboard; nothing while something is open over it. */
export function useFrameKeys(frame: Frame): void {
  const { editing, work, yaml, adding, setAdding, setDialog, chosen, open } = frame
  const { undo, redo } = useEditorStore().getState()
  const isFree = frame.opened === undefined && frame.dialog === null && work.conflict === null
  useClipboard({ copy: editing.copied, cut: editing.remove, paste: editing.insert }, isFree)
  useKeys(
    {
      a: () => setAdding({}),
      '/': () => setAdding({}),
      l: () => void editing.layOut(),
      y: yaml.toggle,
      d: editing.toggleDisabled,
      p: () => void editing.togglePin(),
      '?': () => setDialog('keys'),
      delete: editing.remove,
      backspace: editing.remove,
      enter: () => chosen.node && open(chosen.node.key),
      escape: () => (adding ? setAdding(null) : frame.unselect()),
      'mod+z': undo,
      'mod+shift+z': redo,
      'mod+y': redo,
      'mod+a': editing.selectAll,
      'mod+d': () => void editing.insert(editing.copied()),
      'mod+s': work.save,
      'mod+enter': frame.start,
    },
    isFree,
  )
}
