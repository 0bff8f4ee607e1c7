import { Badge, Button, Group, Stack, Table, Text } from '@mantine/core'
import { IconCalendarClock, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useWorkflowNames } from '~/api/names'
import { type Schedule, schedules } from '~/api/schedules'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { durationText, exactTime, Time } from '~/parts/time'

const LOOKS = { active: 'green', paused: 'gray', broken: 'red' } as const
const WORDS = { active: 'Active', paused: 'Paused', broken: 'Broken' }

/** Every trigger by the clock: when it starts its workflow next, and when it did last. */
export default function Schedules() {
  const query = useQuery(schedules.list())
  return (
    <Page title="Schedules" lead="Workflows that start by the clock.">
      <Answered query={query}>
        {(all) =>
          all.length === 0 ? (
            <Empty
              icon={<IconCalendarClock size={36} />}
              title="No schedules"
              action={<Button renderRoot={(props) => <Link {...props} to="/workflows" />}>To the workflows</Button>}
            >
              Put a Schedule trigger into a workflow, with a cron pattern or an interval, and activate the workflow.
            </Empty>
          ) : (
            <Rows schedules={all} />
          )
        }
      </Answered>
    </Page>
  )
}

function Rows({ schedules: all }: { schedules: Schedule[] }) {
  return (
    <Table.ScrollContainer minWidth={720} type="native">
      <Table className="panel stacks" verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Workflow</Table.Th>
            <Table.Th>When</Table.Th>
            <Table.Th>Next</Table.Th>
            <Table.Th>Last</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {all.map((schedule) => (
            <Row key={`${schedule.workflow_id}/${schedule.node_key}`} schedule={schedule} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function Row({ schedule }: { schedule: Schedule }) {
  const nameOf = useWorkflowNames()
  return (
    <Table.Tr>
      <Table.Td>
        <Link to="/workflows/$id" params={{ id: schedule.workflow_id }} search={{ node: schedule.node_key }}>
          {nameOf(schedule.workflow_id)}
        </Link>
        <Text size="xs" c="dimmed">
          {schedule.node_key}
        </Text>
      </Table.Td>
      <Table.Td data-label="When">
        <Text size="sm" ff={schedule.cron ? 'monospace' : undefined}>
          {planText(schedule)}
        </Text>
        <Text size="xs" c="dimmed">
          {rulesText(schedule)}
        </Text>
      </Table.Td>
      <Table.Td data-label="Next">
        <Stack gap={0}>
          {schedule.next[0] ? <Time at={schedule.next[0]} /> : '–'}
          {schedule.next[0] && (
            <Text size="xs" c="dimmed" title={schedule.next.map(exactTime).join('\n')}>
              {exactTime(schedule.next[0])}
            </Text>
          )}
        </Stack>
      </Table.Td>
      <Table.Td data-label="Last">
        {schedule.last ? (
          <Link to="/executions/$id" params={{ id: schedule.last.execution_id }}>
            <Time at={schedule.last.fired_at} />
          </Link>
        ) : (
          'not yet'
        )}
        {schedule.queued > 0 && (
          <Text size="xs" c="dimmed">
            {schedule.queued} starts wait
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label="State">
        <Badge
          color={LOOKS[schedule.state]}
          variant="light"
          radius="sm"
          tt="none"
          className={`status status-${LOOKS[schedule.state]}`}
        >
          {WORDS[schedule.state]}
        </Badge>
        {schedule.problem && (
          <Text size="xs" c="red">
            {schedule.problem}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Pause schedule={schedule} />
      </Table.Td>
    </Table.Tr>
  )
}

function planText({ cron, every_ms }: Schedule): string {
  if (cron) return cron
  return every_ms ? `every ${durationText(every_ms)}` : '–'
}

function rulesText({ timezone, jitter_ms, missed, overlap }: Schedule): string {
  const parts = [timezone]
  if (jitter_ms > 0) parts.push(`up to ${durationText(jitter_ms)} later`)
  if (missed !== 'skip')
    parts.push(missed === 'all' ? 'missed times are made up for' : 'missed times are made up for once')
  if (overlap !== 'allow') parts.push(overlap === 'skip' ? 'not while one runs' : 'one after the other')
  return parts.filter(Boolean).join(', ')
}

function Pause({ schedule }: { schedule: Schedule }) {
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: () => (schedule.state === 'paused' ? schedules.resume(schedule) : schedules.pause(schedule)),
    onSuccess: () => client.invalidateQueries({ queryKey: ['schedules'] }),
  })
  if (schedule.state === 'broken') return null
  const paused = schedule.state === 'paused'
  return (
    <Group justify="flex-end">
      <Button
        size="compact-sm"
        variant="default"
        leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
        loading={change.isPending}
        onClick={() => change.mutate()}
      >
        {paused ? 'Resume' : 'Pause'}
      </Button>
    </Group>
  )
}
