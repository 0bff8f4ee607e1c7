import { Badge, Group, Stack, Text, Title } from '@mantine/core'
import type { Process } from '~/api/dashboard'
import { Time } from '~/parts/time'

const ROLES: { [role: string]: string } = {
  api: 'answers',
  worker: 'runs executions',
  scheduler: 'starts by the clock',
}

/** The processes that work on this database. */
export function Workers({ workers }: { workers: Process[] }) {
  return (
    <section className="panel" style={{ padding: 16 }}>
      <Title order={2} size="h3" mb="sm">
        Workers
      </Title>
      <Stack gap={8}>
        {workers.map((worker) => (
          <Group key={worker.id} justify="space-between" wrap="nowrap" gap="sm" align="flex-start">
            <div style={{ minWidth: 0 }}>
              <Text size="sm" truncate title={`process ${worker.process}, version ${worker.version}, ${worker.id}`}>
                {worker.host}
                {worker.address && ` · ${worker.address}`}
              </Text>
              <Text size="xs" c="dimmed">
                {worker.roles.map((role) => ROLES[role] ?? role).join(', ')}; {worker.running} under way; since{' '}
                <Time at={worker.started_at} />
              </Text>
            </div>
            {worker.silent ? (
              <Badge
                color="red"
                variant="light"
                radius="sm"
                tt="none"
                className="status status-red"
                style={{ flex: 'none' }}
              >
                Silent since <Time at={worker.seen_at} />
              </Badge>
            ) : (
              <Badge
                color="green"
                variant="light"
                radius="sm"
                tt="none"
                className="status status-green"
                style={{ flex: 'none' }}
              >
                Running
              </Badge>
            )}
          </Group>
        ))}
      </Stack>
    </section>
  )
}
