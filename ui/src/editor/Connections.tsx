import { ActionIcon, Group, Select, Stack, Text, Tooltip } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconTrash } from '@tabler/icons-react'
import type { CanvasNode } from '~/canvas/graph'
import { connect, disconnect, type End, endsOf, moveConnection } from './document'
import classes from './editor.module.css'
import { useEditor, useEditorStore } from './store'

/** Where a node leads, port by port, in the order in which branches run; all of it by keyboard, too. */
export function ConnectionList({ node, nodes }: { node: CanvasNode; nodes: CanvasNode[] }) {
  const connections = useEditor((state) => state.document.connections)
  const ends = endsOf(connections)
  const into = ends.filter((end) => end.to === node.key)
  const name = (key: string) => nodes.find((one) => one.key === key)?.name ?? key
  return (
    <Stack gap="md">
      {node.outputs.map((port) => (
        <Port
          key={port}
          node={node}
          port={port}
          nodes={nodes}
          ends={ends.filter((end) => end.from === node.key && end.port === port)}
        />
      ))}
      {node.outputs.length === 0 && (
        <Text size="sm" c="dimmed">
          It leads nowhere: what it does is the end of its way.
        </Text>
      )}
      {node.inputs.length > 0 && (
        <div>
          <Text size="xs" fw={600} c="dimmed" mb={4}>
            Comes from
          </Text>
          {into.length === 0 && (
            <Text size="sm" c="dimmed">
              Nothing leads here yet.
            </Text>
          )}
          {into.map((end) => (
            <Text size="sm" key={`${end.from} ${end.port} ${end.toPort}`}>
              {name(end.from)}
              {end.port !== 'main' && `, port ${end.port}`}
              {node.inputs.length > 1 && ` → ${end.toPort}`}
            </Text>
          ))}
        </div>
      )}
    </Stack>
  )
}

function Port({ node, port, nodes, ends }: { node: CanvasNode; port: string; nodes: CanvasNode[]; ends: End[] }) {
  const store = useEditorStore()
  const edit = store.getState().edit
  const name = (key: string) => nodes.find((one) => one.key === key)?.name ?? key
  const targets = nodes.flatMap((one) =>
    one.inputs
      .filter((toPort) => !ends.some((end) => end.to === one.key && end.toPort === toPort))
      .map((toPort) => ({
        value: JSON.stringify([one.key, toPort]),
        label: one.inputs.length > 1 ? `${one.name}, ${toPort}` : one.name,
      })),
  )
  return (
    <div>
      <Text size="xs" fw={600} c="dimmed" mb={4}>
        {node.outputs.length > 1 || port !== 'main' ? `Port ${port} leads to` : 'Leads to'}
      </Text>
      {ends.map((end, place) => (
        <Group key={`${end.to} ${end.toPort}`} className={classes.connectionRow} gap={4} wrap="nowrap">
          <Text size="sm" flex={1} truncate>
            {ends.length > 1 && <span className={classes.orderBadge}>{place + 1}</span>}
            {name(end.to)}
            {end.toPort !== 'main' && `, ${end.toPort}`}
          </Text>
          {ends.length > 1 && (
            <>
              <Tooltip label="Run this branch earlier">
                <ActionIcon
                  size="sm"
                  disabled={place === 0}
                  aria-label={`Run the branch to ${name(end.to)} earlier`}
                  onClick={() => edit('Order of branches', (document) => moveConnection(document, end, -1))}
                >
                  <IconArrowUp size={14} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label="Run this branch later">
                <ActionIcon
                  size="sm"
                  disabled={place === ends.length - 1}
                  aria-label={`Run the branch to ${name(end.to)} later`}
                  onClick={() => edit('Order of branches', (document) => moveConnection(document, end, 1))}
                >
                  <IconArrowDown size={14} />
                </ActionIcon>
              </Tooltip>
            </>
          )}
          <ActionIcon
            size="sm"
            aria-label={`Take the connection to ${name(end.to)} out`}
            onClick={() => edit(`Disconnect ${name(end.to)}`, (document) => disconnect(document, [end]))}
          >
            <IconTrash size={14} />
          </ActionIcon>
        </Group>
      ))}
      <Select
        size="xs"
        placeholder="Connect to…"
        aria-label={`Connect port ${port} to`}
        data={targets}
        value={null}
        searchable
        onChange={(value) => {
          if (!value) return
          const [to, toPort] = JSON.parse(value) as [string, string]
          edit(`Connect ${node.name} to ${name(to)}`, (document) =>
            connect(document, { from: node.key, port, to, toPort }),
          )
        }}
      />
    </div>
  )
}
