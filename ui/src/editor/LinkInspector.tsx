import { ActionIcon, Button, Group, ScrollArea, Stack, Text, Title } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconTrash, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { executions } from '~/api/executions'
import type { CanvasGraph, CanvasLink } from '~/canvas/graph'
import { Data } from '~/data/Data'
import { moveConnection } from './document'
import classes from './editor.module.css'
import { passed } from './runMarks'
import { useEditorStore } from './store'
import type { Run } from './useRun'

interface LinkInspectorProps {
  link: CanvasLink
  graph: CanvasGraph
  run: Run | null
  onClose: () => void
  onRemove: () => void
}

/** The selected connection: its place among its siblings, and what passed it. */
export function LinkInspector({ link, graph, run, onClose, onRemove }: LinkInspectorProps) {
  const store = useEditorStore()
  const name = (key: string) => graph.nodes.find((node) => node.key === key)?.name ?? key
  const siblings = graph.links.filter((one) => one.from === link.from && one.port === link.port).length
  const count = passed(run?.runs ?? [], graph.links).get(link.id)?.passed ?? 0
  const last = run?.runs.findLast((one) => one.node_key === link.from && (one.output_port ?? 'main') === link.port)
  const data = useQuery({
    ...executions.run(run?.id ?? '', last?.execution_index ?? 0),
    enabled: run !== null && last !== undefined && count > 0,
  })
  const move = (by: -1 | 1) =>
    store.getState().edit('Order of branches', (document) => moveConnection(document, link, by))
  return (
    <aside className={classes.inspector} aria-label="Connection">
      <Group justify="space-between" wrap="nowrap" p="md" pb="xs">
        <Title order={2} size="h3">
          Connection
        </Title>
        <ActionIcon aria-label="Close" onClick={onClose}>
          <IconX size={16} />
        </ActionIcon>
      </Group>
      <ScrollArea className={classes.tabBody} type="auto">
        <Stack p="md" pt={0} gap="md">
          <Text size="sm">
            <strong>{name(link.from)}</strong>, port {link.port} → <strong>{name(link.to)}</strong>
            {link.toPort !== 'main' && `, port ${link.toPort}`}
          </Text>
          {siblings > 1 && (
            <Group gap="xs">
              <Text size="sm">
                Branch {link.order} of {siblings}: they run in this order.
              </Text>
              <ActionIcon
                aria-label="Run this branch earlier"
                disabled={link.order === 1}
                onClick={() => move(-1)}
                variant="default"
              >
                <IconArrowUp size={15} />
              </ActionIcon>
              <ActionIcon
                aria-label="Run this branch later"
                disabled={link.order === siblings}
                onClick={() => move(1)}
                variant="default"
              >
                <IconArrowDown size={15} />
              </ActionIcon>
            </Group>
          )}
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconTrash size={14} />}
            onClick={onRemove}
            w="fit-content"
          >
            Take it out
          </Button>
          <Text size="sm" c="dimmed">
            {run === null
              ? 'What passes here is shown after a run.'
              : count === 0
                ? 'Nothing passed here in this run.'
                : `Passed ${count} time${count === 1 ? '' : 's'} in this run; last:`}
          </Text>
          {count > 0 && data.data?.output !== undefined && (
            <Data key={last?.execution_index} value={data.data.output} label={`What passed from ${name(link.from)}`} />
          )}
        </Stack>
      </ScrollArea>
    </aside>
  )
}
