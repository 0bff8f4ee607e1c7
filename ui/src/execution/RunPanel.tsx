import { ActionIcon, Alert, Badge, Button, Group, Menu, Stack, Tabs, Text, Title, Tooltip } from '@mantine/core'
import { IconChevronDown, IconChevronLeft, IconChevronRight, IconPlayerPlay, IconTool } from '@tabler/icons-react'
import { useQueries, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { executions } from '~/api/executions'
import type { ExecutionDetail, Json, NodeExecution } from '~/api/types'
import { Data } from '~/data/Data'
import { Answered, Loading } from '~/parts/states'
import { StatusBadge } from '~/parts/status'
import { durationText, exactTime } from '~/parts/time'
import classes from './execution.module.css'
import type { RunState } from './replay'
import { loopWords, resumedWords, waitWords } from './words'

interface RunPanelProps {
  detail: ExecutionDetail
  /** All runs of the node, in order. */
  runs: RunState[]
  index: number
  nameOf: (node: string) => string
  onSelect: (index: number) => void
  onFork: (kind: 'from' | 'alone', index: number, version: 'original' | 'current') => void
}

/** One run of a node: what came in, with which parameters, what came out, and everything on the way. */
export function RunPanel({ detail, runs, index, nameOf, onSelect, onFork }: RunPanelProps) {
  const id = detail.execution.id
  const state = runs.find((run) => run.index === index)
  // What a run says changes until it has ended.
  const query = useQuery({ ...executions.run(id, index), refetchInterval: state?.endedAt ? false : 2_000 })
  return (
    <Answered query={query}>
      {(run) => (
        <Stack gap="sm">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <div>
              <Title order={2} size="h3">
                {nameOf(run.node_key)}
              </Title>
              <Text size="xs" c="dimmed">
                {run.node_key}
                {run.loop_path && `, ${loopWords(run.loop_path)}`}
              </Text>
            </div>
            <StatusBadge status={run.status} size="sm" />
          </Group>
          <Walk runs={runs} index={index} onSelect={onSelect} />
          <Facts run={run} />
          {run.error && <ErrorAlert run={run} />}
          <Attempts run={run} />
          <RunData id={id} run={run} trigger={detail.execution.trigger_data} nameOf={nameOf} onSelect={onSelect} />
          <ForkMenu index={index} onFork={onFork} />
          <Button
            size="xs"
            variant="default"
            leftSection={<IconTool size={14} />}
            renderRoot={(props) => (
              <Link
                {...props}
                to="/workflows/$id"
                params={{ id: detail.execution.workflow_id }}
                search={{ execution: id, node: run.node_key }}
              />
            )}
          >
            Open this node in the editor with this data
          </Button>
        </Stack>
      )}
    </Answered>
  )
}

/** From run to run of the same node: iterations, times round. */
function Walk({ runs, index, onSelect }: { runs: RunState[]; index: number; onSelect: (index: number) => void }) {
  const place = runs.findIndex((run) => run.index === index)
  if (runs.length < 2) return null
  const to = (by: number) => {
    const run = runs[place + by]
    if (run) onSelect(run.index)
  }
  return (
    <Group gap={4} aria-label="Runs of this node">
      <ActionIcon aria-label="Previous run" disabled={place <= 0} onClick={() => to(-1)}>
        <IconChevronLeft size={16} />
      </ActionIcon>
      <Text size="sm">
        Run {place + 1} of {runs.length}
      </Text>
      <ActionIcon aria-label="Next run" disabled={place >= runs.length - 1} onClick={() => to(1)}>
        <IconChevronRight size={16} />
      </ActionIcon>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button size="compact-xs" variant="subtle" rightSection={<IconChevronDown size={12} />}>
            All
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={320} style={{ overflow: 'auto' }}>
          {runs.slice(0, 500).map((run, place) => (
            <Menu.Item key={run.index} onClick={() => onSelect(run.index)}>
              {place + 1}. {loopWords(run.loopPath) || `step ${run.index + 1}`} – {run.status}
            </Menu.Item>
          ))}
          {runs.length > 500 && <Menu.Label>The first 500 of {runs.length}</Menu.Label>}
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}

function Facts({ run }: { run: NodeExecution }) {
  const took = run.completed_at ? durationText(Date.parse(run.completed_at) - Date.parse(run.started_at)) : null
  return (
    <div className={classes.facts}>
      <span>step {run.execution_index + 1}</span>
      <Tooltip label={exactTime(run.started_at)}>
        <span>began {new Date(run.started_at).toLocaleTimeString()}</span>
      </Tooltip>
      {took && <span>took {took}</span>}
      {run.output_port && <span>left by {run.output_port}</span>}
      {run.suspension && run.status === 'suspended' && <span>waits for {waitWords(run.suspension.type)}</span>}
      {run.resumed && (
        <span>
          {resumedWords(run.resumed.by)} at {exactTime(run.resumed.at)}
        </span>
      )}
    </div>
  )
}

function ErrorAlert({ run }: { run: NodeExecution }) {
  return (
    <Alert color="red" variant="light" title={run.error?.code} p="sm">
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {run.error?.message}
      </Text>
      {run.error?.details !== undefined && run.error.details !== null && (
        <Data value={run.error.details} label="Details of the error" />
      )}
    </Alert>
  )
}

function Attempts({ run }: { run: NodeExecution }) {
  if (run.attempts.length === 0) return null
  return (
    <div>
      <Text size="xs" fw={600}>
        {run.attempts.length === 1 ? '1 attempt failed' : `${run.attempts.length} attempts failed`}
      </Text>
      <ol className={classes.list}>
        {run.attempts.map((attempt) => (
          <li key={attempt.at} className={classes.line}>
            <span className={classes.dim}>{new Date(attempt.at).toLocaleTimeString()}</span>
            <span className={classes.lineMain} title={attempt.error.message}>
              <b>{attempt.error.code}</b> {attempt.error.message}
            </span>
          </li>
        ))}
      </ol>
    </div>
  )
}

interface RunDataProps {
  id: string
  run: NodeExecution
  trigger: Json
  nameOf: (node: string) => string
  onSelect: (index: number) => void
}

function RunData({ id, run, trigger, nameOf, onSelect }: RunDataProps) {
  const [tab, setTab] = useState<string | null>('output')
  const hasMore = [run.state_updates, run.context_updates].some((map) => map && Object.keys(map as object).length > 0)
  return (
    <Tabs value={tab} onChange={setTab} keepMounted={false}>
      <Tabs.List>
        <Tabs.Tab value="input">Input</Tabs.Tab>
        <Tabs.Tab value="params">Parameters</Tabs.Tab>
        <Tabs.Tab value="output">Output</Tabs.Tab>
        {run.resumed && <Tabs.Tab value="answer">Answer</Tabs.Tab>}
        {hasMore && <Tabs.Tab value="more">State</Tabs.Tab>}
      </Tabs.List>
      <Tabs.Panel value="input" pt="xs">
        <Input id={id} run={run} trigger={trigger} nameOf={nameOf} onSelect={onSelect} />
      </Tabs.Panel>
      <Tabs.Panel value="params" pt="xs">
        <Data value={run.params ?? null} label="Parameters" />
      </Tabs.Panel>
      <Tabs.Panel value="output" pt="xs">
        {run.status === 'running' ? (
          <Text size="sm">It is at work.</Text>
        ) : (
          <Data value={run.output ?? null} label="Output" />
        )}
      </Tabs.Panel>
      <Tabs.Panel value="answer" pt="xs">
        <Data value={run.resumed?.data ?? null} label="Answer" />
      </Tabs.Panel>
      <Tabs.Panel value="more" pt="xs">
        <Text size="xs">Changes of the state</Text>
        <Data value={run.state_updates ?? null} label="Changes of the state" />
        <Text size="xs" mt="sm">
          Context of the node
        </Text>
        <Data value={run.context_updates ?? null} label="Context" />
      </Tabs.Panel>
    </Tabs>
  )
}

/** What came in, by port: the outputs of the runs that led here. */
function Input({ id, run, trigger, nameOf, onSelect }: RunDataProps) {
  const sources = Object.entries(run.input_from).flatMap(([port, runs]) => runs.map((index) => ({ port, index })))
  const queries = useQueries({ queries: sources.slice(0, 20).map(({ index }) => executions.run(id, index)) })
  if (sources.length === 0) {
    if (run.execution_index === 0) return <Data value={trigger} label="Input of the execution" root="$input" />
    return (
      <Text size="sm" c="dimmed">
        Nothing new came in: the node went on from its run before.
      </Text>
    )
  }
  return (
    <Stack gap="sm">
      {sources.slice(0, 20).map(({ port, index }, place) => {
        const answer = queries[place]
        return (
          <div key={`${port}-${index}`}>
            <Group gap={6} mb={4}>
              <Badge size="sm" variant="default" tt="none">
                {port}
              </Badge>
              {answer?.data && (
                <Button size="compact-xs" variant="subtle" onClick={() => onSelect(index)}>
                  from {nameOf(answer.data.node_key)}, step {index + 1}
                </Button>
              )}
            </Group>
            {answer?.data ? (
              <Data value={answer.data.output ?? null} label={`Input ${port}`} root="$input" />
            ) : (
              <Loading />
            )}
          </div>
        )
      })}
      {sources.length > 20 && <Text size="sm">The first 20 of {sources.length}</Text>}
    </Stack>
  )
}

function ForkMenu({ index, onFork }: Pick<RunPanelProps, 'index' | 'onFork'>) {
  return (
    <Menu position="top-start" withinPortal>
      <Menu.Target>
        <Button
          size="xs"
          variant="light"
          leftSection={<IconPlayerPlay size={14} />}
          rightSection={<IconChevronDown size={12} />}
        >
          Run again
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>From here to the end, in a new execution</Menu.Label>
        <Menu.Item onClick={() => onFork('from', index, 'original')}>On the version of this execution</Menu.Item>
        <Menu.Item onClick={() => onFork('from', index, 'current')}>On the newest version</Menu.Item>
        <Menu.Divider />
        <Menu.Label>This node alone, in a new execution</Menu.Label>
        <Menu.Item onClick={() => onFork('alone', index, 'original')}>On the version of this execution</Menu.Item>
        <Menu.Item onClick={() => onFork('alone', index, 'current')}>On the newest version</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
