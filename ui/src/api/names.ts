import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { workflows } from './workflows'

/** What people call a workflow: its name, or its id where it has none, or is gone. */
export function useWorkflowNames(): (id: string) => string {
  const rows = useQuery(workflows.list())
  return useMemo(() => {
    const names = new Map(rows.data?.map((row) => [row.id, row.name]))
    return (id) => names.get(id) ?? id
  }, [rows.data])
}
