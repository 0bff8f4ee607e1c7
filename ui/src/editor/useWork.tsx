import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { executions } from '~/api/executions'
import { Problem } from '~/api/problem'
import { tellFailure, tellSuccess } from '~/api/query'
import type { Json, StoredWorkflow } from '~/api/types'
import { workflows } from '~/api/workflows'
import { useConfirm } from '~/parts/confirm'
import { keep } from './keep'
import { useEditorStore } from './store'

export type Busy = 'saving' | 'running' | 'activating' | null

/** What the server is asked to do with the draft. */
export interface Work {
  busy: Busy
  save: () => void
  /** Runs the draft; with `until`, no further than that node. */
  start: (input: Json, trigger?: string, until?: string) => void
  /** Waits for one request to the test address of a webhook. */
  listen: (trigger: string) => void
  listening: Listening | null
  /** Runs one node alone with the data of a run, or goes on from it. */
  fork: (kind: 'executeNode' | 'executeFromNode', executionId: string, index: number) => void
  activate: () => void
  deactivate: () => void
  /** Somebody else's version that came before this one could be saved. */
  conflict: StoredWorkflow | null
  keepMine: () => void
  takeTheirs: () => void
  forgetConflict: () => void
  confirmation: ReactNode
}

/** A test webhook that waits for its request. */
export interface Listening {
  trigger: string
  stop: () => void
}

/** How long a test webhook waits. */
const LISTEN_SECONDS = 300

const FAILED: { [busy in NonNullable<Busy>]: string } = {
  saving: 'It was not saved',
  running: 'It was not started',
  activating: 'It was not activated',
}

/** Saving, running and activating; one at a time, and what goes wrong is told. */
export function useWork(onStarted: (executionId: string) => void): Work {
  const store = useEditorStore()
  const client = useQueryClient()
  const [busy, setBusy] = useState<Busy>(null)
  const [conflict, setConflict] = useState<StoredWorkflow | null>(null)
  const [ask, confirmation] = useConfirm()
  const [listening, setListening] = useState<Listening | null>(null)

  const doing = async (what: NonNullable<Busy>, work: () => Promise<void>) => {
    if (busy) return
    setBusy(what)
    await work().catch((error) => tellFailure(error, FAILED[what]))
    setBusy(null)
  }

  /** The version that the draft is saved as; null if somebody else's came first. */
  const saved = async (): Promise<number | null> => {
    const { document, saved } = store.getState()
    if (document === saved.document) return saved.version
    try {
      const { version } = await workflows.replace(document, saved.version)
      store.getState().wasSaved(document, version)
      client.invalidateQueries({ queryKey: ['workflows'] })
      return version
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'workflow.outdated') throw error
      setConflict(await client.fetchQuery({ ...workflows.get(document.id), staleTime: 0 }))
      return null
    }
  }

  const save = () =>
    doing('saving', async () => {
      const version = await saved()
      if (version !== null) tellSuccess(`Saved as version ${version}`)
    })

  const running = (start: (version: number) => Promise<{ id: string }>) =>
    doing('running', async () => {
      const version = await saved()
      if (version !== null) onStarted((await start(version)).id)
    })

  const activate = () =>
    doing('activating', async () => {
      const version = await saved()
      if (version === null) return
      const { findings = [] } = await workflows.activate(store.getState().document.id, version)
      client.invalidateQueries({ queryKey: ['workflows'] })
      tellSuccess(`Version ${version} is active`)
      for (const finding of findings)
        if (finding.severity !== 'hint') tellFailure(new Error(finding.message), 'To know')
    })

  const listen = async (trigger: string) => {
    const version = await saved().catch((error) => {
      tellFailure(error, FAILED.saving)
      return null
    })
    if (version === null) return
    const stop = new AbortController()
    setListening({ trigger, stop: () => stop.abort() })
    try {
      const heard = await workflows.listen(store.getState().document.id, version, trigger, LISTEN_SECONDS, stop.signal)
      if (heard.execution_id) onStarted(heard.execution_id)
      else tellFailure(new Error('Nothing came within five minutes.'), 'No request')
    } catch (error) {
      if (!stop.signal.aborted) tellFailure(error, FAILED.running)
    }
    setListening(null)
  }

  const deactivate = async () => {
    const children = 'Its triggers stop: no new executions. Those that run go on.'
    if (!(await ask({ title: 'Deactivate this workflow?', children, confirm: 'Deactivate', destroys: true }))) return
    await doing('activating', async () => {
      await workflows.deactivate(store.getState().document.id)
      client.invalidateQueries({ queryKey: ['workflows'] })
    })
  }

  const takeTheirs = () => {
    if (!conflict) return
    store.getState().edit(`Take version ${conflict.version}`, (document) => keep(document, conflict.workflow))
    store.getState().wasSaved(store.getState().document, conflict.version)
    setConflict(null)
  }

  const keepMine = () => {
    if (!conflict) return
    store.getState().rebase(conflict)
    setConflict(null)
    save()
  }

  return {
    busy,
    save,
    listen,
    listening,
    start: (input, trigger, until) =>
      running((version) =>
        executions.start({ workflow_id: store.getState().document.id, input, trigger, until, version, test_run: true }),
      ),
    fork: (kind, executionId, index) => running((version) => executions[kind](executionId, { index, version })),
    activate,
    deactivate,
    conflict,
    keepMine,
    takeTheirs,
    forgetConflict: () => setConflict(null),
    confirmation,
  }
}
