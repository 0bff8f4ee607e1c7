import { ActionIcon, Group, ScrollArea, Tabs, Text, Tooltip } from '@mantine/core'
import { IconArrowsDiagonal, IconX } from '@tabler/icons-react'
import { useMemo } from 'react'
import type { Action, NodeDocument } from '~/api/types'
import type { CanvasGraph, CanvasNode } from '~/canvas/graph'
import { Prose } from '~/parts/Prose'
import { ConnectionList } from './Connections'
import classes from './editor.module.css'
import { NodeHeader } from './Header'
import { ParamsForm } from './ParamsForm'
import { SettingsForm } from './SettingsForm'
import { SightProvider, useNodeInput, useNodeSight } from './sight'
import type { Run } from './useRun'

interface InspectorProps {
  node: NodeDocument
  drawn: CanvasNode
  action: Action | undefined
  graph: CanvasGraph
  run: Run | null
  onOpen: () => void
  onClose: () => void
  onRenamed: (key: string) => void
}

/** The selected node beside the canvas: its parameters, settings and connections. */
export function Inspector({ node, drawn, action, graph, run, onOpen, onClose, onRenamed }: InspectorProps) {
  return (
    <aside className={classes.inspector} aria-label={`Node ${node.name ?? node.key}`}>
      <Group justify="space-between" wrap="nowrap" align="flex-start" p="md" pb="xs">
        <NodeHeader node={node} action={action} onRenamed={onRenamed} />
        <Group gap={0} wrap="nowrap">
          <Tooltip label="Open with its input and output (Enter)">
            <ActionIcon aria-label="Open with its input and output" onClick={onOpen}>
              <IconArrowsDiagonal size={16} />
            </ActionIcon>
          </Tooltip>
          <ActionIcon aria-label="Close" onClick={onClose}>
            <IconX size={16} />
          </ActionIcon>
        </Group>
      </Group>
      <NodeTabs node={node} drawn={drawn} action={action} graph={graph} run={run} />
    </aside>
  )
}

type NodeTabsProps = Pick<InspectorProps, 'node' | 'drawn' | 'action' | 'graph' | 'run'>

/** What can be set of a node, under three tabs. */
export function NodeTabs({ node, drawn, action, graph, run }: NodeTabsProps) {
  const input = useNodeInput(drawn, run, graph.links)
  const sight = useNodeSight(
    node,
    drawn,
    input,
    useMemo(() => (run ? { ...run, links: graph.links } : null), [run, graph.links]),
    action,
  )
  return (
    <SightProvider value={sight}>
      <Tabs defaultValue="params" className={classes.tabs} keepMounted={false}>
        <Tabs.List px="md">
          <Tabs.Tab value="params">Parameters</Tabs.Tab>
          <Tabs.Tab value="settings">Settings</Tabs.Tab>
          <Tabs.Tab value="connections">Connections</Tabs.Tab>
        </Tabs.List>
        <ScrollArea className={classes.tabBody} type="auto">
          <Tabs.Panel value="params" p="md">
            {action ? (
              <>
                <ParamsForm key={node.key} node={node} action={action} />
                <Text size="xs" c="dimmed" mt="lg" className={classes.about}>
                  <Prose>{action.description}</Prose>
                </Text>
              </>
            ) : (
              <Text size="sm">
                There is no action <code>{node.type}</code>. It may be misspelt, or of a newer program. Its parameters
                can be changed in the YAML.
              </Text>
            )}
          </Tabs.Panel>
          <Tabs.Panel value="settings" p="md">
            <SettingsForm key={node.key} node={node} />
          </Tabs.Panel>
          <Tabs.Panel value="connections" p="md">
            <ConnectionList node={drawn} nodes={graph.nodes} />
          </Tabs.Panel>
        </ScrollArea>
      </Tabs>
    </SightProvider>
  )
}
