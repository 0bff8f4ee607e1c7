import { Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useWorkflowNames } from '~/api/names'
import { schedules } from '~/api/schedules'
import { Time } from '~/parts/time'

const SHOWN = 6

/** What the clock starts next. */
export function NextSchedules() {
  const query = useQuery(schedules.list())
  const nameOf = useWorkflowNames()
  const next = (query.data ?? [])
    .flatMap((schedule) =>
      schedule.state === 'active' && schedule.next[0] ? [{ ...schedule, at: schedule.next[0] }] : [],
    )
    .sort((one, other) => one.at.localeCompare(other.at))
    .slice(0, SHOWN)
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
        {next.map((schedule) => (
          <Group key={`${schedule.workflow_id}/${schedule.node_key}`} justify="space-between" wrap="nowrap">
            <Text size="sm" truncate>
              <Link to="/workflows/$id" params={{ id: schedule.workflow_id }}>
                {nameOf(schedule.workflow_id)}
              </Link>
            </Text>
            <Text size="xs" c="dimmed">
              <Time at={schedule.at} />
            </Text>
          </Group>
        ))}
      </Stack>
    </section>
  )
}
