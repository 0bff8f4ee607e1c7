import { ScrollArea, Tabs, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { executions } from '~/api/executions'
import type { ExecutionDetail } from '~/api/types'
import { actions, workflows } from '~/api/workflows'
import { actionsByType, graphOf } from '~/canvas/graph'
import { WorkflowCanvas } from '~/canvas/WorkflowCanvas'
import { Compare } from '~/execution/Compare'
import classes from '~/execution/execution.module.css'
import { Header } from '~/execution/Header'
import { ReplayBar } from '~/execution/ReplayBar'
import { RunPanel } from '~/execution/RunPanel'
import { marksAt, type RunState } from '~/execution/replay'
import { StartAndEnd } from '~/execution/StartAndEnd'
import { Steps } from '~/execution/Steps'
import { TimelineView } from '~/execution/TimelineView'
import { useForks } from '~/execution/useForks'
import { type ReplayState, useReplay } from '~/execution/useReplay'
import { Waits } from '~/execution/Waits'
import { useTitle } from '~/parts/Page'
import { Answered, Failure, Loading } from '~/parts/states'
import { isEnded } from '~/parts/status'
import type { ExecutionSearch } from '~/router'

/** One execution: what ran, in which order, with which data; live while it runs. */
export default function Execution() {
  const { id } = useParams({ from: '/framed/executions/$id' })
  const query = useQuery(executions.get(id))
  useTitle('Execution')
  return <Answered query={query}>{(detail) => <View key={id} detail={detail} />}</Answered>
}

function View({ detail }: { detail: ExecutionDetail }) {
  const { id, workflow_id, workflow_version, status } = detail.execution
  const replay = useReplay(id)
  useFreshDetail(id, replay.version)
  const workflow = useQuery(workflows.get(workflow_id, workflow_version))
  const known = useQuery(actions.list())
  const graph = useMemo(
    () => workflow.data && known.data && graphOf(workflow.data.workflow, actionsByType(known.data)),
    [workflow.data, known.data],
  )
  const names = useMemo(() => new Map(graph?.nodes.map((node) => [node.key, node.name])), [graph])
  const nameOf = (node: string) => names.get(node) ?? node
  const { search, set } = useView()
  const fork = useForks(detail)
  const { steps } = replay.replay
  const at = Math.min(search.step ?? steps.length, steps.length)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` tells that the steps changed
  const marks = useMemo(
    () =>
      graph &&
      marksAt(
        steps,
        at,
        graph.nodes.map((node) => node.key),
        graph.links,
      ),
    [graph, steps, replay.version, at],
  )
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const runs = useMemo(() => [...replay.replay.runs.values()], [replay.replay, replay.version])
  const select = (index: number) => set({ run: index, tab: 'node' })
  const selectNode = (key: string) => {
    const ofNode = runs.filter((run) => run.node === key)
    const reached = ofNode.filter((run) => steps.slice(0, at).some((step) => step.index === run.index))
    const run = (search.step === undefined ? ofNode : reached).at(-1) ?? ofNode[0]
    if (run) select(run.index)
  }
  const selected = search.run === undefined ? undefined : replay.replay.runs.get(search.run)
  const selectedNode = selected?.node
  const selection = useMemo(() => ({ nodes: selectedNode ? [selectedNode] : [], links: [] }), [selectedNode])
  if (workflow.error) return <Failure error={workflow.error} again={() => workflow.refetch()} />
  return (
    <div className={classes.view}>
      <Header
        detail={detail}
        name={workflow.data?.workflow.name ?? workflow_id}
        connection={replay.connection}
        onRetry={fork.retry}
      />
      <div>
        <Waits id={id} waits={isEnded(status) ? [] : detail.waits} nameOf={nameOf} onSelect={select} />
      </div>
      <div className={classes.columns}>
        <div className={classes.stage}>
          <div className={classes.canvas}>
            {graph && marks ? (
              <WorkflowCanvas
                graph={graph}
                nodeMarks={marks.nodes}
                linkMarks={marks.links}
                selection={selection}
                onPress={selectNode}
                onOpen={selectNode}
                label="What ran of the workflow"
              />
            ) : (
              <Loading />
            )}
          </div>
          <ReplayBar
            steps={steps}
            at={at}
            following={search.step === undefined}
            onMove={(step) => set({ step: step ?? undefined, ...stepRun(steps[(step ?? 0) - 1]?.index) })}
            nameOf={nameOf}
          />
        </div>
        <Panel
          detail={detail}
          replay={replay}
          runs={runs}
          selected={selected}
          search={search}
          set={set}
          at={at}
          nameOf={nameOf}
          onFork={fork.run}
        />
      </div>
    </div>
  )
}

const stepRun = (index: number | undefined) => (index === undefined ? {} : { run: index })

interface PanelProps {
  detail: ExecutionDetail
  replay: ReplayState
  runs: RunState[]
  selected: RunState | undefined
  search: ExecutionSearch
  set: (change: Partial<ExecutionSearch>) => void
  at: number
  nameOf: (node: string) => string
  onFork: Parameters<typeof RunPanel>[0]['onFork']
}

function Panel({ detail, replay, runs, selected, search, set, at, nameOf, onFork }: PanelProps) {
  const select = (index: number) => set({ run: index, tab: 'node' })
  const tab = search.tab ?? (selected ? 'node' : 'start')
  const id = detail.execution.id
  return (
    <aside className={classes.panel} aria-label="Details">
      <Tabs value={tab} onChange={(tab) => set({ tab: tab ?? undefined })} keepMounted={false}>
        <ScrollArea type="never">
          <Tabs.List className={classes.tabs}>
            <Tabs.Tab value="start">Start and end</Tabs.Tab>
            <Tabs.Tab value="node">Node</Tabs.Tab>
            <Tabs.Tab value="steps">Steps</Tabs.Tab>
            <Tabs.Tab value="time">Time</Tabs.Tab>
            <Tabs.Tab value="compare">Compare</Tabs.Tab>
          </Tabs.List>
        </ScrollArea>
        <Tabs.Panel value="start" p="md">
          <StartAndEnd detail={detail} />
        </Tabs.Panel>
        <Tabs.Panel value="node" p="md">
          {selected ? (
            <RunPanel
              detail={detail}
              runs={runs.filter((run) => run.node === selected.node)}
              index={selected.index}
              nameOf={nameOf}
              onSelect={(run) => set({ run })}
              onFork={onFork}
            />
          ) : (
            <Text size="sm" c="dimmed">
              Choose a node that ran: on the canvas, in the steps, or by the replay.
            </Text>
          )}
        </Tabs.Panel>
        <Tabs.Panel value="steps" p="xs">
          <TrailNote replay={replay} />
          <Steps
            steps={replay.replay.steps}
            at={at}
            onMove={(step) => set({ step, ...stepRun(replay.replay.steps[step - 1]?.index) })}
            nameOf={nameOf}
          />
        </Tabs.Panel>
        <Tabs.Panel value="time" p="md">
          <TrailNote replay={replay} />
          <TimelineView runs={runs} nameOf={nameOf} selected={search.run} onSelect={select} />
        </Tabs.Panel>
        <Tabs.Panel value="compare" p="md">
          <Compare
            id={id}
            workflowId={detail.execution.workflow_id}
            count={detail.node_execution_count}
            other={search.compare}
            onChoose={(compare) => set({ compare })}
            nameOf={nameOf}
          />
        </Tabs.Panel>
      </Tabs>
    </aside>
  )
}

function TrailNote({ replay }: { replay: ReplayState }) {
  if (replay.kept && !replay.cut) return null
  return (
    <Text size="sm" c="dimmed" mb="xs">
      {replay.kept
        ? 'Only the beginning of this long execution is shown here.'
        : 'This workflow keeps no trail of its executions: there is nothing to replay.'}
    </Text>
  )
}

/** What is looked at, kept in the address. */
function useView() {
  const search = useSearch({ from: '/framed/executions/$id' })
  const navigate = useNavigate({ from: '/executions/$id' })
  const set = (change: Partial<ExecutionSearch>) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false })
  return { search, set }
}

/** The status, the waits and the output are asked for again whenever something happened. */
function useFreshDetail(id: string, version: number): void {
  const client = useQueryClient()
  useEffect(() => {
    if (version < 0) return
    const soon = setTimeout(() => client.invalidateQueries({ queryKey: ['executions', id], exact: true }), 150)
    return () => clearTimeout(soon)
  }, [client, id, version])
}
