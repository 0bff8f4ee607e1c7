import { Alert, Button, Group, SegmentedControl, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { IconSchema } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type AtLeast, type DashboardNumbers, dashboard } from '~/api/dashboard'
import { executions } from '~/api/executions'
import { useWorkflowNames } from '~/api/names'
import { workflows } from '~/api/workflows'
import { NextSchedules } from '~/dashboard/NextSchedules'
import { Throughput } from '~/dashboard/Throughput'
import { Workers } from '~/dashboard/Workers'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { StatusBadge } from '~/parts/status'
import { durationText, Time } from '~/parts/time'

/** How it goes, at a glance. */
export default function Dashboard() {
  const [hours, setHours] = useState('24')
  const numbers = useQuery({ ...dashboard(Number(hours)), placeholderData: keepPreviousData })
  const known = useQuery(workflows.list())
  const span = (
    <SegmentedControl
      size="xs"
      aria-label="Time"
      value={hours}
      onChange={setHours}
      data={[
        { value: '1', label: 'Hour' },
        { value: '6', label: '6 hours' },
        { value: '24', label: 'Day' },
      ]}
    />
  )
  if (known.data?.length === 0) return <Welcome />
  return (
    <Page title="Dashboard" actions={span}>
      <Answered query={numbers}>
        {(numbers) => (
          <Stack gap="lg">
            {!numbers.advancing && (
              <Alert color="yellow" variant="light" title="This server does not advance executions">
                It answers, and stores what comes in. Another one must do the work, or this one is about to stop.
              </Alert>
            )}
            <Figures numbers={numbers} />
            <section className="panel" style={{ padding: 16 }}>
              <Title order={2} size="h3" mb="sm">
                Executions that ended
              </Title>
              <Throughput stretches={numbers.stretches} minutes={numbers.stretch_minutes} />
            </section>
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Recent title="Failed last" status="failed,timeout" none="Nothing failed." />
              <Recent title="Waiting" status="suspended" none="Nothing waits." />
              <NextSchedules next={numbers.next_schedules} />
              <Workers workers={numbers.workers} />
            </SimpleGrid>
          </Stack>
        )}
      </Answered>
    </Page>
  )
}

function Welcome() {
  return (
    <Page title="Dashboard">
      <Empty
        icon={<IconSchema size={40} />}
        title="Welcome to Prana"
        action={<Button renderRoot={(props) => <Link {...props} to="/workflows" />}>Make the first workflow</Button>}
      >
        A workflow is a drawing of what is to happen: a trigger, and nodes behind it. Prana runs it one node at a time,
        waits for seconds or months, and keeps a record of everything.
      </Empty>
    </Page>
  )
}

const many = ({ count, exact }: AtLeast) => (exact ? `${count}` : `over ${count}`)
const took = (ms: number | null) => (ms === null ? '–' : durationText(ms))

function Figures({ numbers }: { numbers: DashboardNumbers }) {
  const { total } = numbers
  const ended = total.completed + total.failed + total.cancelled
  const rate = ended === 0 ? '–' : `${((total.failed / ended) * 100).toFixed(total.failed === 0 ? 0 : 1)} %`
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }}>
      <Figure label="Ended" value={`${ended}`} more={`${total.started} started`} />
      <Figure label="Failed" value={`${total.failed}`} more={rate} to="failed,timeout" />
      <Figure label="Half took at most" value={took(total.median_ms)} more={`95 of 100: ${took(total.p95_ms)}`} />
      <Figure
        label="At work"
        value={many(numbers.running)}
        more={`${many(numbers.pending)} to begin`}
        to="running,pending"
      />
      <Figure
        label="Waiting"
        value={many(numbers.suspended)}
        more={<>next {numbers.next_wake ? <Time at={numbers.next_wake} /> : 'when answered'}</>}
        to="suspended"
      />
      <Figure
        label="Webhooks"
        value={`${numbers.webhooks}`}
        more={numbers.webhooks === 1 ? 'path that starts workflows' : 'paths that start workflows'}
      />
    </SimpleGrid>
  )
}

function Figure({ label, value, more, to }: { label: string; value: string; more: React.ReactNode; to?: string }) {
  return (
    <div className="panel" style={{ padding: '12px 16px' }}>
      <Text size="sm" c="dimmed">
        {to ? (
          <Link to="/executions" search={{ status: to }}>
            {label}
          </Link>
        ) : (
          label
        )}
      </Text>
      <Text fz={26} fw={600} lh={1.3} style={{ fontVariantNumeric: 'tabular-nums' }}>
        {value}
      </Text>
      <Text size="xs" c="dimmed">
        {more}
      </Text>
    </div>
  )
}

function Recent({ title, status, none }: { title: string; status: string; none: string }) {
  const query = useQuery({ ...executions.list({ status, limit: 6 }), refetchInterval: 5_000 })
  const rows = query.data?.executions ?? []
  const nameOf = useWorkflowNames()
  return (
    <section className="panel" style={{ padding: 16 }}>
      <Title order={2} size="h3" mb="sm">
        {title}
      </Title>
      {rows.length === 0 && (
        <Text size="sm" c="dimmed">
          {query.isPending ? 'Loading' : none}
        </Text>
      )}
      <Stack gap={6}>
        {rows.map((row) => (
          <Group key={row.id} gap="sm" wrap="nowrap">
            <StatusBadge status={row.status} size="sm" />
            <Text size="sm" truncate style={{ flex: 1 }}>
              <Link to="/executions/$id" params={{ id: row.id }}>
                {nameOf(row.workflow_id)}
              </Link>
            </Text>
            <Text size="xs" c="dimmed">
              <Time at={row.completed_at ?? row.created_at} />
            </Text>
          </Group>
        ))}
      </Stack>
    </section>
  )
}
