import { useDisclosure } from '@mantine/hooks'
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react'
import type { Action } from '~/api/types'
import type { Places } from '~/canvas/places'
import { Loading } from '~/parts/states'
import { isEnded } from '~/parts/status'
import { triggersOf } from './actionSearch'
import { BottomBar } from './BottomBar'
import { nodeOf } from './document'
import { download } from './download'
import { EditorCanvas } from './EditorCanvas'
import type { DialogName } from './EditorDialogs'
import classes from './editor.module.css'
import { ListenBar } from './ListenBar'
import { Palette } from './Palette'
import { useEditor, useEditorStore } from './store'
import { Toolbar } from './Toolbar'
import { useClipboard } from './useClipboard'
import { type Adding, useEditing } from './useEditing'
import { drawnOf, useGraph } from './useGraph'
import { useKeys } from './useKeys'
import { type Run, useRun } from './useRun'
import { useStale } from './useStale'
import { useValidation } from './useValidation'
import { useWork, type Work } from './useWork'

// What is not there at first sight comes when it is needed.
const YamlPane = lazy(() => import('./YamlPane').then((module) => ({ default: module.YamlPane })))
const Inspector = lazy(() => import('./Inspector').then((module) => ({ default: module.Inspector })))
const LinkInspector = lazy(() => import('./LinkInspector').then((module) => ({ default: module.LinkInspector })))
const NodeDialog = lazy(() => import('./NodeDialog').then((module) => ({ default: module.NodeDialog })))
const EditorDialogs = lazy(() => import('./EditorDialogs').then((module) => ({ default: module.EditorDialogs })))

const BESIDE_MS = 220

interface EditorFrameProps {
  actions: Action[]
  byType: Map<string, Action>
  active: number | null
  /** The execution that is looked at: from the address, or the last one. */
  executionId: string | null
  /** The node that is open, from the address. */
  openKey: string | undefined
  setSearch: (search: { node?: string; execution?: string }) => void
}

/** The editor: canvas, palette, inspector, YAML, and all that can be done. */
export function EditorFrame({ actions, byType, active, executionId, openKey, setSearch }: EditorFrameProps) {
  const store = useEditorStore()
  const document = useEditor((state) => state.document)
  const selection = useEditor((state) => state.selection)
  const [adding, setAdding] = useState<Adding | null>(null)
  const [yamlOpen, yaml] = useDisclosure(false)
  const [dialog, setDialog] = useState<DialogName>(null)
  const places = useRef<Places>(new Map())
  const graph = useGraph(document, byType)
  const run = useRun(executionId, graph)
  const stale = useStale(run)
  const editing = useEditing(graph, places, run)
  const work = useWork((id) => setSearch({ node: openKey, execution: id }))
  useValidation()
  useUnsavedWarning()

  const { undo, redo, select } = store.getState()
  const triggers = triggersOf(document.nodes, byType)
  const lastInput = run?.detail?.execution.trigger_data
  const onRun = () => (triggers.length > 1 ? setDialog('run') : work.start(lastInput ?? {}))
  const open = (key: string | undefined) => setSearch({ node: key, execution: executionId ?? undefined })
  const only = selection.nodes.length === 1 && selection.links.length === 0 ? selection.nodes[0] : undefined
  const link =
    selection.links.length === 1 && selection.nodes.length === 0
      ? graph.links.find((one) => one.id === selection.links[0])
      : undefined
  const showsNode = useLater(only !== undefined)
  const node = only === undefined || !showsNode ? undefined : nodeOf(document, only)
  const opened = openKey === undefined ? undefined : nodeOf(document, openKey)
  const onPick = (action: Action, where: Adding) => {
    editing.add(action, where)
    setAdding(null)
  }
  const onDropAction = useCallback(
    (type: string, at: { x: number; y: number }) => {
      const action = byType.get(type)
      if (action) editing.add(action, { at })
    },
    [byType, editing],
  )

  const isFree = opened === undefined && dialog === null && work.conflict === null
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
      enter: () => only && open(only),
      escape: () => (adding ? setAdding(null) : select({ nodes: [], links: [] })),
      'mod+z': undo,
      'mod+shift+z': redo,
      'mod+y': redo,
      'mod+a': editing.selectAll,
      'mod+d': () => void editing.insert(editing.copied()),
      'mod+s': work.save,
      'mod+enter': onRun,
    },
    isFree,
  )

  return (
    <div className={classes.frame}>
      <Toolbar
        active={active}
        busy={work.busy}
        yamlOpen={yamlOpen}
        onAdd={() => setAdding(adding ? null : {})}
        onArrange={editing.layOut}
        onYaml={yaml.toggle}
        onSave={work.save}
        onRun={onRun}
        onActivate={work.activate}
        onDeactivate={work.deactivate}
        onDialog={setDialog}
        onDownload={async () => download(`${document.id}.yaml`, (await import('./yaml')).writeYaml(document, byType))}
      />
      {work.listening && <ListenBar listening={work.listening} trigger={nodeOf(document, work.listening.trigger)} />}
      <div className={classes.body}>
        {adding && (
          <Palette
            actions={actions}
            withoutTriggers={adding.from !== undefined}
            triggersFirst={triggers.length === 0}
            onPick={(action) => onPick(action, adding)}
            onClose={() => setAdding(null)}
          />
        )}
        <EditorCanvas
          graph={graph}
          run={run}
          stale={stale}
          actions={byType}
          places={places}
          onOpen={open}
          onAddAt={setAdding}
          onDropAction={onDropAction}
          onFirst={(type) => onPick(byType.get(type) as Action, {})}
        />
        <Suspense
          fallback={
            <aside className={classes.inspector}>
              <Loading />
            </aside>
          }
        >
          {yamlOpen && <YamlPane actions={byType} onClose={yaml.close} />}
          {node && !yamlOpen && (
            <Inspector
              key={node.key}
              node={node}
              drawn={drawnOf(graph, node.key)}
              action={byType.get(node.type)}
              graph={graph}
              run={run}
              onOpen={() => open(node.key)}
              onClose={() => select({ nodes: [], links: [] })}
              onRenamed={(key) => select({ nodes: [key], links: [] })}
            />
          )}
          {link && !yamlOpen && (
            <LinkInspector
              link={link}
              graph={graph}
              run={run}
              onClose={() => select({ nodes: [], links: [] })}
              onRemove={editing.remove}
            />
          )}
        </Suspense>
      </div>
      <BottomBar run={run} onShow={(key) => select({ nodes: [key], links: [] })} onOpen={open} />
      <Suspense>
        {opened && (
          <NodeDialog
            node={opened}
            drawn={drawnOf(graph, opened.key)}
            action={byType.get(opened.type)}
            graph={graph}
            run={run}
            stale={stale.has(opened.key)}
            busy={isBusy(work, run)}
            onClose={() => open(undefined)}
            onRenamed={open}
            onRunStep={(index) => run && work.fork('executeNode', run.id, index)}
            onRunFrom={(index) => run && work.fork('executeFromNode', run.id, index)}
            onRunUntil={() => work.start(lastInput ?? {}, undefined, opened.key)}
          />
        )}
        {(dialog || work.conflict) && (
          <EditorDialogs
            dialog={dialog}
            onClose={() => setDialog(null)}
            actions={byType}
            lastInput={lastInput}
            work={work}
          />
        )}
      </Suspense>
      {work.confirmation}
    </div>
  )
}

function isBusy(work: Work, run: Run | null): boolean {
  const status = run?.detail?.execution.status
  return work.busy === 'running' || (status !== undefined && !isEnded(status) && status !== 'suspended')
}

/** True a moment after something is wanted: a second click must still hit the node, not what opens beside it. */
function useLater(wanted: boolean): boolean {
  const [isOn, setOn] = useState(false)
  useEffect(() => {
    if (!wanted) return setOn(false)
    const timer = setTimeout(() => setOn(true), BESIDE_MS)
    return () => clearTimeout(timer)
  }, [wanted])
  return wanted && isOn
}

/** Asks before a tab with unsaved changes is closed. */
function useUnsavedWarning(): void {
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
