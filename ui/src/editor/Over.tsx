import { lazy, Suspense } from 'react'
import { type Frame, isBusy } from './useFrame'
import { drawnOf } from './useGraph'

const NodeDialog = lazy(() => import('./NodeDialog').then((module) => ({ default: module.NodeDialog })))
const EditorDialogs = lazy(() => import('./EditorDialogs').then((module) => ({ default: module.EditorDialogs })))

/** What opens over the editor: a node in three panes, and the dialogs. */
export function Over({ frame }: { frame: Frame }) {
  const { byType, graph, run, stale, opened, open, work, lastInput } = frame
  return (
    <Suspense>
      {opened && (
        <NodeDialog
          node={opened}
          drawn={drawnOf(graph, opened.key)}
          action={byType.get(opened.type)}
          graph={graph}
          run={run}
          stale={stale.has(opened.key)}
          busy={isBusy(frame)}
          onClose={() => open(undefined)}
          onRenamed={open}
          onRunStep={(index) => run && work.fork('executeNode', run.id, index)}
          onRunFrom={(index) => run && work.fork('executeFromNode', run.id, index)}
          onRunUntil={() => work.start(lastInput ?? {}, undefined, opened.key)}
        />
      )}
      {(frame.dialog || work.conflict) && (
        <EditorDialogs
          dialog={frame.dialog}
          onClose={() => frame.setDialog(null)}
          actions={byType}
          lastInput={lastInput}
          work={work}
        />
      )}
    </Suspense>
  )
}
