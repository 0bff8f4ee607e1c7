import { Table, Text, UnstyledButton } from '@mantine/core'
import { useQueries } from '@tanstack/react-query'
import { executions } from '~/api/executions'
import type { Json } from '~/api/types'
import { StatusBadge } from '~/parts/status'
import { Duration } from '~/parts/time'
import classes from './editor.module.css'
import type { Run } from './useRun'

/** How many of the newest runs show what they gave. */
const SHOWN = 40

/** What passes the nodes, as it happens: the newest first. */
export function LiveTap({ run, onOpen }: { run: Run | null; onOpen: (key: string) => void }) {
  const newest = (run?.runs ?? []).slice(-SHOWN).reverse()
  const answers = useQueries({
    queries: newest.map((one) => ({
      ...executions.run(run?.id ?? '', one.execution_index),
      enabled: one.status === 'completed',
      staleTime: Number.POSITIVE_INFINITY,
    })),
  })
  if (newest.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Nothing ran yet.
      </Text>
    )
  }
  return (
    <Table verticalSpacing={3} fz="xs" withRowBorders={false} aria-label="What passed the nodes, the newest first">
      <Table.Tbody>
        {newest.map((one, place) => (
          <Table.Tr key={one.execution_index}>
            <Table.Td w={40} c="dimmed">
              {one.execution_index + 1}
            </Table.Td>
            <Table.Td w={180}>
              <UnstyledButton fz="xs" fw={600} onClick={() => onOpen(one.node_key)}>
                {one.node_key}
              </UnstyledButton>
            </Table.Td>
            <Table.Td w={110}>
              <StatusBadge status={one.status} size="sm" />
            </Table.Td>
            <Table.Td w={70} c="dimmed">
              <Duration from={one.started_at} to={one.completed_at} />
            </Table.Td>
            <Table.Td c="dimmed" w={90}>
              {one.output_port}
            </Table.Td>
            <Table.Td className={classes.tapValue}>
              {one.error ? `${one.error.code}: ${one.error.message}` : brief(answers[place]?.data?.output)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}

function brief(value: Json | undefined): string {
  if (value === undefined) return ''
  const text = JSON.stringify(value)
  return text.length > 240 ? `${text.slice(0, 240)}…` : text
}
