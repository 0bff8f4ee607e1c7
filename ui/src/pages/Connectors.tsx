import { Badge, Card, Group, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Action } from '~/api/types'
import { actions } from '~/api/workflows'
import { iconOf } from '~/canvas/icons'
import { GROUPS, KINDS, serviceOf } from '~/editor/actionSearch'
import { Page } from '~/parts/Page'
import { Prose } from '~/parts/Prose'
import { Answered, Empty } from '~/parts/states'

/** What nodes can do: every action that this server knows, its ports and what it is for. */
export default function Connectors() {
  const query = useQuery(actions.list())
  const [text, setText] = useState('')
  return (
    <Page title="Connectors" lead="What the nodes of a workflow can do on this server.">
      <Stack>
        <TextInput
          label="Search"
          placeholder="Name, type or what it does"
          leftSection={<IconSearch size={14} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maw={420}
        />
        <Answered query={query}>{(all) => <Groups actions={all.filter((action) => fits(action, text))} />}</Answered>
      </Stack>
    </Page>
  )
}

const fits = (action: Action, text: string) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const all = `${action.title} ${action.type} ${action.description} ${action.aliases.join(' ')}`.toLowerCase()
  return words.every((word) => all.includes(word))
}

function Groups({ actions }: { actions: Action[] }) {
  if (actions.length === 0) return <Empty icon={<IconSearch size={36} />} title="Nothing fits" />
  return groupsOf(actions).map(([title, some]) => (
    <section key={title}>
      <Title order={2} mb="sm">
        {title}
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {some.map((action) => (
          <ActionCard key={action.type} action={action} />
        ))}
      </SimpleGrid>
    </section>
  ))
}

/** What is built in, by what it is for; then each service by its name. */
function groupsOf(actions: Action[]): [string, Action[]][] {
  const groups = new Map<string, Action[]>(KINDS.map((kind) => [GROUPS[kind], []]))
  for (const action of actions) {
    const title = serviceOf(action) ?? GROUPS[action.kind]
    groups.set(title, [...(groups.get(title) ?? []), action])
  }
  return [...groups].filter(([, some]) => some.length > 0)
}

function ActionCard({ action }: { action: Action }) {
  const Mark = iconOf(action.type, action.kind)
  const ports = [...action.ports.outputs, ...(action.ports.any_output ? ['…'] : [])]
  return (
    <Card withBorder p="md">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Mark size={20} stroke={1.7} style={{ flex: 'none' }} aria-hidden />
        <div style={{ minWidth: 0 }}>
          <Text fw={600}>{action.title}</Text>
          <Text size="xs" c="dimmed" ff="monospace">
            {action.type}
          </Text>
          <Text size="sm" mt={6}>
            <Prose>{action.description}</Prose>
          </Text>
          <Group gap={4} mt={8}>
            {ports.map((port) => (
              <Badge key={port} size="xs" variant="default" tt="none">
                → {port}
              </Badge>
            ))}
          </Group>
        </div>
      </Group>
    </Card>
  )
}
