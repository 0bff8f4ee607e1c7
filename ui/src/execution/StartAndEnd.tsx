import { Alert, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { executions } from '~/api/executions'
import type { ExecutionDetail } from '~/api/types'
import { Data } from '~/data/Data'
import { isEnded, StatusBadge } from '~/parts/status'
import { Time } from '~/parts/time'
import classes from './execution.module.css'

/** What an execution began with, how it ended, and what it started. */
export function StartAndEnd({ detail }: { detail: ExecutionDetail }) {
  const { execution, error, output } = detail
  const ended = isEnded(execution.status)
  return (
    <Stack gap="lg">
      {error && (
        <Alert color="red" variant="light" title={error.code} p="sm">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {error.message}
          </Text>
        </Alert>
      )}
      {ended && (
        <section>
          <Title order={2} size="h4" mb={4}>
            Output
          </Title>
          <Data value={output} label="Output of the execution" />
        </section>
      )}
      <section>
        <Title order={2} size="h4" mb={4}>
          Input
        </Title>
        <Text size="xs" c="dimmed" mb={4}>
          Started by {execution.trigger_type}
        </Text>
        <Data value={execution.trigger_data} label="Input of the execution" />
      </section>
      <Children id={execution.id} />
    </Stack>
  )
}

/** Executions that this one started. */
function Children({ id }: { id: string }) {
  const query = useQuery(executions.list({ parent: id, limit: 100 }))
  const rows = query.data?.executions ?? []
  if (rows.length === 0) return null
  return (
    <section>
      <Title order={2} size="h4" mb={4}>
        Executions that it started
      </Title>
      <ul className={classes.list}>
        {rows.map((row) => (
          <li key={row.id} className={classes.line}>
            <span className={classes.lineMain}>
              <Link to="/executions/$id" params={{ id: row.id }}>
                {row.workflow_id}
              </Link>{' '}
              <span className={classes.dim}>
                <Time at={row.created_at} />
              </span>
            </span>
            <StatusBadge status={row.status} size="sm" />
          </li>
        ))}
      </ul>
      {query.data?.next && <Text size="xs">The first 100</Text>}
    </section>
  )
}
