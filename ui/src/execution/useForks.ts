import { useNavigate } from '@tanstack/react-router'
import { executions } from '~/api/executions'
import { queryClient, tellFailure, tellSuccess } from '~/api/query'
import type { ExecutionDetail } from '~/api/types'
import { workflows } from '~/api/workflows'

type Version = 'original' | 'current'

/** New executions that begin in the middle of this one; the new one is shown. */
export function useForks({ execution }: ExecutionDetail) {
  const navigate = useNavigate()
  const versionOf = async (version: Version) => {
    if (version === 'original') return undefined
    return (await queryClient.fetchQuery(workflows.get(execution.workflow_id, 'latest'))).version
  }
  const begin = async (
    version: Version,
    make: (version: number | undefined) => Promise<{ id: string }>,
    words: string,
  ) => {
    try {
      const { id } = await make(await versionOf(version))
      tellSuccess(words)
      navigate({ to: '/executions/$id', params: { id } })
    } catch (error) {
      tellFailure(error)
    }
  }
  return {
    retry: (version: Version) =>
      begin(
        version,
        (version) => executions.retry(execution.id, { version }),
        'A new execution goes on from the node that failed',
      ),
    run: (kind: 'from' | 'alone', index: number, version: Version) =>
      kind === 'from'
        ? begin(
            version,
            (version) => executions.executeFromNode(execution.id, { index, version }),
            'A new execution goes on from this node',
          )
        : begin(
            version,
            (version) => executions.executeNode(execution.id, { index, version }),
            'A new execution runs this node alone',
          ),
  }
}
