import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { NodeDocument } from '~/api/types'
import { workflows } from '~/api/workflows'
import { same } from './same'
import { useEditor } from './store'
import type { Run } from './useRun'

const RELEVANT = ['type', 'params', 'settings', 'disabled'] as const

/** The nodes whose output is older than what they are told to do now. */
export function useStale(run: Run | null): Set<string> {
  const document = useEditor((state) => state.document)
  const version = run?.detail?.execution.workflow_version
  const ran = useQuery({ ...workflows.get(document.id, version ?? 0), enabled: version !== undefined })
  return useMemo(() => {
    const before = new Map(ran.data?.workflow.nodes.map((node) => [node.key, node]))
    const changed = document.nodes.filter(
      (node) => run?.newest.has(node.key) && ran.data && differs(node, before.get(node.key)),
    )
    return new Set(changed.map((node) => node.key))
  }, [document.nodes, ran.data, run])
}

const differs = (node: NodeDocument, before: NodeDocument | undefined) =>
  RELEVANT.some((field) => !same(node[field], before?.[field]))
