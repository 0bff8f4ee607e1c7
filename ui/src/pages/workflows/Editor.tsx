import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { executions } from '~/api/executions'
import type { Action, StoredWorkflow } from '~/api/types'
import { actions, workflows } from '~/api/workflows'
import { actionsByType } from '~/canvas/graph'
import { EditorFrame } from '~/editor/EditorFrame'
import { createEditor, EditorContext, useEditor } from '~/editor/store'
import { useTitle } from '~/parts/Page'
import { Failure, Loading } from '~/parts/states'

const route = getRouteApi('/framed/workflows/$id')

/** The editor of one workflow. */
export default function Editor() {
  const { id } = route.useParams()
  const stored = useQuery({ ...workflows.get(id), refetchOnWindowFocus: false })
  const known = useQuery(actions.list())
  const error = stored.error ?? known.error
  if (error) return <Failure error={error} again={() => (stored.error ? stored.refetch() : known.refetch())} />
  if (!stored.data || !known.data) return <Loading />
  return <Opened key={id} stored={stored.data} actions={known.data} />
}

function Opened({ stored, actions }: { stored: StoredWorkflow; actions: Action[] }) {
  const [store] = useState(() => createEditor(stored))
  return (
    <EditorContext value={store}>
      <Connected id={stored.id} actions={actions} />
    </EditorContext>
  )
}

/** The editor with what the address and the server say beside the document. */
function Connected({ id, actions }: { id: string; actions: Action[] }) {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const name = useEditor((state) => state.document.name ?? id)
  useTitle(name)
  const rows = useQuery(workflows.list())
  const last = useQuery({ ...executions.list({ workflow_id: id, limit: 1 }), enabled: search.execution === undefined })
  const byType = useMemo(() => actionsByType(actions), [actions])
  return (
    <EditorFrame
      actions={actions}
      byType={byType}
      active={rows.data?.find((row) => row.id === id)?.active ?? null}
      executionId={search.execution ?? last.data?.executions[0]?.id ?? null}
      openKey={search.node}
      setSearch={(next) => navigate({ search: { ...next }, replace: true })}
    />
  )
}
