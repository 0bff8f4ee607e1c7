import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useMemo } from 'react'
import type { Action } from '~/api/types'
import type { CanvasGraph } from '~/canvas/graph'
import { iconOf } from '~/canvas/icons'
import type { Place } from '~/canvas/layout'
import type { NodeMarks } from '~/canvas/marks'
import type { Places } from '~/canvas/places'
import { type Editing, WorkflowCanvas } from '~/canvas/WorkflowCanvas'
import { connect, moveNodes } from './document'
import classes from './editor.module.css'
import { DRAGGED_ACTION } from './Palette'
import { homeless } from './placing'
import { marksOfRuns, passed } from './runMarks'
import { useEditor, useEditorStore } from './store'
import type { Run } from './useRun'
import { useProblems } from './useValidation'

interface EditorCanvasProps {
  graph: CanvasGraph
  run: Run | null
  stale: Set<string>
  actions: Map<string, Action>
  places: { current: Places }
  onOpen: (key: string) => void
  /** A connection was dropped where nothing is: a node is wanted there. */
  onAddAt: (where: { from: { key: string; port: string }; at: Place }) => void
  onDropAction: (type: string, at: Place) => void
  /** The first node of an empty workflow. */
  onFirst: (type: string) => void
}

/** The canvas, where everything can be changed. */
export function EditorCanvas(props: EditorCanvasProps) {
  const { graph, run, stale, places, onOpen, onAddAt, onDropAction, onFirst, actions } = props
  const store = useEditorStore()
  const selection = useEditor((state) => state.selection)
  const name = useEditor((state) => state.document.name ?? state.document.id)
  const nodeMarks = useMarks(run, stale)
  const linkMarks = useMemo(() => passed(run?.runs ?? [], graph.links), [run?.runs, graph.links])
  const editing = useMemo<Editing>(
    () => ({
      onConnect: (from, port, to, toPort) =>
        store.getState().edit(`Connect ${from} to ${to}`, (document) => connect(document, { from, port, to, toPort })),
      onConnectToNothing: (from, port, at) =>
        onAddAt({ from: { key: from, port }, at: { x: Math.round(at.x), y: Math.round(at.y - 28) } }),
      onMove: (moved) =>
        store
          .getState()
          .edit(
            'Move',
            (document) => moveNodes(document, new Map([...homeless(document, places.current), ...moved])),
            `move ${[...moved.keys()].join()}`,
          ),
      onDrop: (at, data) => {
        const type = data.getData(DRAGGED_ACTION)
        if (type) onDropAction(type, { x: Math.round(at.x - 112), y: Math.round(at.y - 28) })
      },
    }),
    [store, places, onAddAt, onDropAction],
  )
  return (
    <div className={classes.canvasArea}>
      <WorkflowCanvas
        graph={graph}
        nodeMarks={nodeMarks}
        linkMarks={linkMarks}
        selection={selection}
        onSelect={store.getState().select}
        onOpen={onOpen}
        editing={editing}
        onPlaces={(now) => {
          places.current = now
        }}
        label={`Workflow ${name}`}
      />
      {graph.nodes.length === 0 && <First actions={actions} onFirst={onFirst} />}
    </div>
  )
}

/** Marks of the run, of the validator, and of what is older than its parameters, as one. Equal marks stay the same object. */
function useMarks(run: Run | null, stale: Set<string>): NodeMarks {
  const problems = useProblems()
  return useMemo(() => {
    const marks = marksOfRuns(run?.runs ?? [])
    for (const [key, { errors, warnings }] of problems) marks.set(key, { ...marks.get(key), errors, warnings })
    for (const key of stale) marks.set(key, { ...marks.get(key), stale: true })
    return marks
  }, [run?.runs, stale, problems])
}

const FIRST: [string, string][] = [
  ['manual.trigger', 'By hand, or by the API'],
  ['webhook.trigger', 'When a request comes in'],
  ['schedule.trigger', 'At fixed times'],
]

/** What an empty canvas teaches: a workflow begins with a trigger. */
function First({ actions, onFirst }: { actions: Map<string, Action>; onFirst: (type: string) => void }) {
  return (
    <Paper className={classes.first} withBorder p="xl" radius="lg">
      <Stack gap="md" align="center">
        <Title order={2} size="h2">
          What starts this workflow?
        </Title>
        <Text c="dimmed" size="sm" ta="center" maw={380}>
          Every workflow begins with a trigger. Drag from a node's right side to add what comes next.
        </Text>
        <Group gap="sm" justify="center">
          {FIRST.filter(([type]) => actions.has(type)).map(([type, when]) => {
            const Mark = iconOf(type, 'trigger')
            return (
              <Button key={type} variant="default" h="auto" py="sm" onClick={() => onFirst(type)}>
                <Stack gap={4} align="center">
                  <Mark size={22} stroke={1.6} color="var(--prana-accent)" aria-hidden />
                  <Text size="sm" fw={600}>
                    {actions.get(type)?.title}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {when}
                  </Text>
                </Stack>
              </Button>
            )
          })}
        </Group>
      </Stack>
    </Paper>
  )
}
