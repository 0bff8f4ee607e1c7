import { Group, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { NextStart } from '~/api/dashboard'
import { useWorkflowNames } from '~/api/names'
import { Time } from '~/parts/time'

const SHOWN = 6

/** What the clock starts next. */
export function NextSchedules({ next }: { next: NextStart[] }) {
  const nameOf = useWorkflowNames()
  return (
    <section className="panel" style={{ padding: 16 }}>
      <Title order={2} size="h3" mb="sm">
        Next by the clock
      </Title>
      {next.length === 0 && (
        <Text size="sm" c="dimmed">
          No active workflow starts by the clock.
        </Text>
      )}
      <Stack gap={6}>
        {next.slice(0, SHOWN).map((start) => (
          <Group key={`${start.workflow_id}/${start.node_key}`} justify="space-between" wrap="nowrap">
            <Text size="sm" truncate>
              <Link to="/workflows/$id" params={{ id: start.workflow_id }}>
                {nameOf(start.workflow_id)}
              </Link>
            </Text>
            <Text size="xs" c="dimmed">
              <Time at={start.at} />
            </Text>
          </Group>
        ))}
      </Stack>
    </section>
  )
}
