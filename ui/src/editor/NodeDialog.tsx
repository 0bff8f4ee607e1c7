import { Alert, Button, Group, Modal, ScrollArea, Select, Stack, Text, Title } from '@mantine/core'
import {
  IconPinned,
  IconPinnedOff,
  IconPlayerPlay,
  IconPlayerSkipForward,
  IconPlayerTrackNext,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { executions } from '~/api/executions'
import type { Action, Json, NodeDocument, NodeExecution } from '~/api/types'
import type { CanvasGraph, CanvasNode } from '~/canvas/graph'
import { Data } from '~/data/Data'
import { Failure, Loading } from '~/parts/states'
import { StatusBadge } from '~/parts/status'
import { Duration } from '~/parts/time'
import { setNodeField } from './document'
import classes from './editor.module.css'
import { JsonField } from './Fields'
import { NodeHeader } from './Header'
import { NodeTabs } from './Inspector'
import { useNodeInput } from './sight'
import { useEditorStore } from './store'
import type { Run } from './useRun'

interface NodeDialogProps {
  node: NodeDocument
  drawn: CanvasNode
  action: Action | undefined
  graph: CanvasGraph
  run: Run | null
  stale: boolean
  busy: boolean
  onClose: () => void
  onRenamed: (key: string) => void
  /** Runs this node alone, with the data of the run that is looked at. */
  onRunStep: (index: number) => void
  /** Goes on from here, in a new execution. */
  onRunFrom: (index: number) => void
  /** Runs the workflow from its beginning, up to this node. */
  onRunUntil: () => void
}

/** A node with what came in, what it is told to do, and what came out. */
export function NodeDialog(props: NodeDialogProps) {
  const { node, drawn, action, graph, run, onClose, onRenamed } = props
  const runs = run?.runs.filter((one) => one.node_key === node.key) ?? []
  const [chosen, setChosen] = useState<number | null>(null)
  const shown = runs.find((one) => one.execution_index === chosen) ?? runs.at(-1)
  return (
    <Modal.Root
      opened
      onClose={onClose}
      size="min(1500px, 96vw)"
      classNames={{ content: classes.dialog }}
      yOffset="3dvh"
      xOffset="2vw"
      lockScroll={false}
    >
      <Modal.Overlay backgroundOpacity={0.35} />
      <Modal.Content aria-label={`Node ${node.name ?? node.key}`}>
        <Group justify="space-between" p="md" wrap="nowrap" className={classes.dialogHead}>
          <NodeHeader node={node} action={action} onRenamed={onRenamed} />
          <Group gap="xs" wrap="nowrap" className={classes.dialogRuns}>
            <RunButtons {...props} last={runs.at(-1)} />
          </Group>
          <Modal.CloseButton aria-label="Close" ml={0} />
        </Group>
        <div className={classes.panes}>
          <section className={classes.pane} aria-label="Input">
            <InputPane drawn={drawn} run={run} graph={graph} shown={shown} />
          </section>
          <section className={classes.paneMiddle} aria-label="Parameters">
            <NodeTabs node={node} drawn={drawn} action={action} graph={graph} run={run} />
          </section>
          <section className={classes.pane} aria-label="Output">
            <OutputPane {...props} runs={runs} shown={shown} onChoose={setChosen} />
          </section>
        </div>
      </Modal.Content>
    </Modal.Root>
  )
}

function RunButtons({
  last,
  busy,
  onRunStep,
  onRunFrom,
  onRunUntil,
}: NodeDialogProps & { last: NodeExecution | undefined }) {
  if (!last) {
    return (
      <Button size="xs" leftSection={<IconPlayerPlay size={15} />} loading={busy} onClick={onRunUntil}>
        Run up to here
      </Button>
    )
  }
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerSkipForward size={15} />}
        disabled={busy}
        onClick={onRunUntil}
      >
        Run up to here
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconPlayerTrackNext size={15} />}
        disabled={busy}
        onClick={() => onRunFrom(last.execution_index)}
      >
        Run from here
      </Button>
      <Button
        size="xs"
        leftSection={<IconPlayerPlay size={15} />}
        loading={busy}
        onClick={() => onRunStep(last.execution_index)}
      >
        Run this step
      </Button>
    </>
  )
}

function InputPane({
  drawn,
  run,
  graph,
  shown,
}: {
  drawn: CanvasNode
  run: Run | null
  graph: CanvasGraph
  shown: NodeExecution | undefined
}) {
  const input = useNodeInput(drawn, run, graph.links, shown)
  const name = (key: string) => graph.nodes.find((one) => one.key === key)?.name ?? key
  const isTrigger = drawn.inputs.length === 0
  const trigger = run?.detail?.execution.trigger_data
  return (
    <Stack gap="sm" className={classes.paneStack}>
      <Title order={2} size="h3">
        Input
      </Title>
      {isTrigger && trigger !== undefined && (
        <Data key={shown?.execution_index} value={trigger} label="What the execution began with" root="$trigger" />
      )}
      {!isTrigger && input.isLoading && <Loading />}
      {!isTrigger && input.ports.length === 0 && !input.isLoading && (
        <Text size="sm" c="dimmed">
          Nothing came in yet. Run the workflow: what comes in is shown here, and its fields can be dragged into the
          parameters.
        </Text>
      )}
      {input.ports.map(({ port, from, output }) => (
        <div key={port}>
          <Text size="xs" c="dimmed" mb={6}>
            From <strong>{name(from.node_key)}</strong>
            {from.output_port && from.output_port !== 'main' && `, port ${from.output_port}`}
            {drawn.inputs.length > 1 && `, on ${port}`}
          </Text>
          {output !== undefined && (
            <Data
              key={from.execution_index}
              value={output}
              label={`Input from ${name(from.node_key)}`}
              root={port === drawn.inputs[0] && drawn.inputs.length === 1 ? '$input' : `$input.${port}`}
            />
          )}
        </div>
      ))}
    </Stack>
  )
}

type OutputProps = NodeDialogProps & {
  runs: NodeExecution[]
  shown: NodeExecution | undefined
  onChoose: (index: number) => void
}

function OutputPane({ node, run, runs, shown, stale, onChoose }: OutputProps) {
  const full = useQuery({
    ...executions.run(run?.id ?? '', shown?.execution_index ?? 0),
    enabled: run !== null && shown !== undefined,
  })
  const pinned = node.pinned !== undefined && node.pinned !== null
  return (
    <Stack gap="sm" className={classes.paneStack}>
      <Group justify="space-between" wrap="nowrap">
        <Title order={2} size="h3">
          Output
        </Title>
        {shown && (
          <Group gap={6} wrap="nowrap">
            <Text size="xs" c="dimmed">
              <Duration from={shown.started_at} to={shown.completed_at} />
            </Text>
            <StatusBadge status={shown.status} size="sm" />
          </Group>
        )}
      </Group>
      {runs.length > 1 && (
        <Select
          size="xs"
          aria-label="Which run"
          data={runs.map((one, place) => ({
            value: String(one.execution_index),
            label: `Run ${place + 1} of ${runs.length}${one.loop_path ? `, ${one.loop_path}` : ''}`,
          }))}
          value={String(shown?.execution_index)}
          onChange={(value) => value && onChoose(Number(value))}
        />
      )}
      {stale && !pinned && (
        <Alert color="yellow" variant="light" p="xs">
          <Text size="xs">Older than the parameters: run this step to see what they give now.</Text>
        </Alert>
      )}
      <Pin node={node} output={full.data?.output} />
      {!pinned && full.data?.error && (
        <Failure error={new Error(`${full.data.error.code}: ${full.data.error.message}`)} title="It failed" />
      )}
      {!pinned && full.data?.output !== undefined && (
        <Data
          key={shown?.execution_index}
          value={full.data.output}
          label={`Output of ${node.name ?? node.key}`}
          root={`$nodes.${node.key}.output`}
        />
      )}
      {!pinned && !shown && (
        <Text size="sm" c="dimmed">
          It has not run yet. Run the workflow, or pin what it would give.
        </Text>
      )}
    </Stack>
  )
}

/** An output that is used instead of running the node, in runs from the editor. */
function Pin({ node, output }: { node: NodeDocument; output: Json | undefined }) {
  const store = useEditorStore()
  const pinned = node.pinned !== undefined && node.pinned !== null
  const pin = (value: Json | undefined) =>
    store
      .getState()
      .edit(
        value === undefined ? `Unpin ${node.key}` : `Pin ${node.key}`,
        (document) => setNodeField(document, node.key, 'pinned', value),
        `${node.key}.pinned`,
      )
  if (!pinned) {
    return (
      <Group>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPinned size={14} />}
          onClick={() => pin(output ?? {})}
        >
          {output === undefined ? 'Pin an output' : 'Pin this output'}
        </Button>
      </Group>
    )
  }
  return (
    <Stack gap={6}>
      <Group justify="space-between">
        <Text size="xs" c="dimmed">
          Pinned: runs from this editor use it instead of running the node.
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPinnedOff size={14} />}
          onClick={() => pin(undefined)}
        >
          Unpin
        </Button>
      </Group>
      <ScrollArea.Autosize mah={420}>
        <JsonField
          value={node.pinned}
          onChange={(value) => value !== undefined && value !== null && pin(value)}
          label="Pinned output"
          lines={6}
        />
      </ScrollArea.Autosize>
    </Stack>
  )
}
