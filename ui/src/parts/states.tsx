import { Alert, Button, Center, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { messageOf, Problem } from '~/api/problem'

/** Something is on its way. */
export function Loading({ label = 'Loading' }: { label?: string }) {
  return (
    <Center mih={160} role="status" aria-label={label}>
      <Loader type="dots" color="tide" aria-hidden />
    </Center>
  )
}

/** Something went wrong: what, and a way to try again. */
export function Failure({ error, again, title }: { error: unknown; again?: () => void; title?: string }) {
  const code = error instanceof Problem ? error.code : undefined
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={title ?? 'This could not be loaded'} my="md">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{messageOf(error)}</Text>
        <Group gap="sm">
          {again && (
            <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={again}>
              Try again
            </Button>
          )}
          {code && (
            <Text size="xs" c="dimmed" ff="monospace">
              {code}
            </Text>
          )}
        </Group>
      </Stack>
    </Alert>
  )
}

/** Nothing here yet: what this place is for, and how to fill it. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <Center py={64} px="md">
      <Stack align="center" gap="sm" maw={480}>
        {icon && (
          <Text c="tide" aria-hidden>
            {icon}
          </Text>
        )}
        <Title order={2} ta="center">
          {title}
        </Title>
        {children && (
          <Text c="dimmed" ta="center" component="div">
            {children}
          </Text>
        )}
        {action && <Group mt="sm">{action}</Group>}
      </Stack>
    </Center>
  )
}

/** What a query answered, or that it is on its way, or why it failed. */
export function Answered<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.error) return <Failure error={query.error} again={() => query.refetch()} />
  return <Loading />
}
