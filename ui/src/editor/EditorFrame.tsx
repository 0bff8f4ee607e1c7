import { useCallback } from 'react'
import type { Action } from '~/api/types'
import { triggersOf } from './actionSearch'
import { Beside } from './Beside'
import { BottomBar } from './BottomBar'
import { nodeOf } from './document'
import { download } from './download'
import { EditorCanvas } from './EditorCanvas'
import classes from './editor.module.css'
import { ListenBar } from './ListenBar'
import { Over } from './Over'
import { Palette } from './Palette'
import { useEditor, useEditorStore } from './store'
import { Toolbar } from './Toolbar'
import { type Frame, type FrameProps, useFrame } from './useFrame'
import { useFrameKeys } from './useFrameKeys'
import { useUnsavedWarning } from './useUnsavedWarning'
import { useValidation } from './useValidation'

/** The editor: canvas, palette, inspector, YAML, and all that can be done. */
export function EditorFrame(props: FrameProps) {
  const { select } = useEditorStore().getState()
  const frame = useFrame(props)
  useFrameKeys(frame)
  useValidation()
  useUnsavedWarning()
  const { work, graph, run, stale, byType, places, open } = frame
  return (
    <div className={classes.frame}>
      <Tools frame={frame} active={props.active} />
      <Listen frame={frame} />
      <div className={classes.body}>
        <AddPalette frame={frame} actions={props.actions} />
        <EditorCanvas
          graph={graph}
          run={run}
          stale={stale}
          actions={byType}
          places={places}
          onOpen={open}
          onAddAt={frame.setAdding}
          onDropAction={useDropAction(frame)}
          onFirst={(type) => frame.pick(byType.get(type) as Action, {})}
        />
        <Beside frame={frame} />
      </div>
      <BottomBar run={run} onShow={(key) => select({ nodes: [key], links: [] })} onOpen={open} />
      <Over frame={frame} />
      {work.confirmation}
    </div>
  )
}

/** Puts an action that is dragged from the palette where it is dropped. */
function useDropAction({ byType, editing }: Frame) {
  return useCallback(
    (type: string, at: { x: number; y: number }) => {
      const action = byType.get(type)
      if (action) editing.add(action, { at })
    },
    [byType, editing],
  )
}

function Tools({ frame, active }: { frame: Frame; active: number | null }) {
  const document = useEditor((state) => state.document)
  const { work, yaml, adding, setAdding, editing, byType } = frame
  return (
    <Toolbar
      active={active}
      busy={work.busy}
      yamlOpen={yaml.isOpen}
      onAdd={() => setAdding(adding ? null : {})}
      onArrange={editing.layOut}
      onYaml={yaml.toggle}
      onSave={work.save}
      onRun={frame.start}
      onActivate={work.activate}
      onDeactivate={work.deactivate}
      onDialog={frame.setDialog}
      onDownload={async () => download(`${document.id}.yaml`, (await import('./yaml')).writeYaml(document, byType))}
    />
  )
}

function Listen({ frame: { work } }: { frame: Frame }) {
  const document = useEditor((state) => state.document)
  return work.listening && <ListenBar listening={work.listening} trigger={nodeOf(document, work.listening.trigger)} />
}

function AddPalette({ frame, actions }: { frame: Frame; actions: FrameProps['actions'] }) {
  const nodes = useEditor((state) => state.document.nodes)
  const { adding, setAdding, byType, pick } = frame
  if (!adding) return null
  return (
    <Palette
      actions={actions}
      withoutTriggers={adding.from !== undefined}
      triggersFirst={triggersOf(nodes, byType).length === 0}
      onPick={(action) => pick(action, adding)}
      onClose={() => setAdding(null)}
    />
  )
}
