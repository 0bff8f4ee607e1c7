import { Badge, Button, Group, Select, Stack, Switch, Text, UnstyledButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { executions } from '~/api/executions'
import type { ExecutionRow, Json } from '~/api/types'
import { Answered } from '~/parts/states'
import { statusLook } from '~/parts/status'
import { exactTime } from '~/parts/time'
import { changes, compareRuns, type Difference, type Pair } from './compare'
import classes from './execution.module.css'
import { loopWords } from './words'

const WORDS: { [difference in Difference]: string } = {
  same: 'same',
  output: 'other output',
  port: 'other way',
  status: 'other end',
  only_here: 'only here',
  only_there: 'only there',
}

/** Executions with more runs than this are compared by their course alone: their data would be too much at once. */
const MAX_RUNS_WITH_DATA = 2_000

interface CompareProps {
  id: string
  workflowId: string
  count: number
  other: string | undefined
  onChoose: (other: string | undefined) => void
  nameOf: (node: string) => string
}

/** This execution beside another of the same workflow: where they part, and what is different. */
export function Compare({ id, workflowId, count, other, onChoose, nameOf }: CompareProps) {
  const recent = useQuery(executions.list({ workflow_id: workflowId, limit: 50 }))
  const rows = recent.data?.executions.filter((row) => row.id !== id) ?? []
  const known = rows.some((row) => row.id === other) || !other
  const data = [
    ...(known ? [] : [{ value: other, label: other }]),
    ...rows.map((row) => ({ value: row.id, label: rowLabel(row) })),
  ]
  return (
    <Stack gap="sm">
      <Select
        label="Compare with"
        placeholder="Another execution of this workflow"
        data={data}
        value={other ?? null}
        onChange={(value) => onChoose(value ?? undefined)}
        searchable
        clearable
        nothingFoundMessage="This workflow has no other execution"
      />
      {other && <Pairs id={id} other={other} withData={count <= MAX_RUNS_WITH_DATA} nameOf={nameOf} />}
    </Stack>
  )
}

const rowLabel = (row: ExecutionRow) =>
  `${exactTime(row.created_at)} – ${statusLook[row.status].label}, version ${row.workflow_version}`

function Pairs({
  id,
  other,
  withData,
  nameOf,
}: {
  id: string
  other: string
  withData: boolean
  nameOf: (node: string) => string
}) {
  const include = withData ? (['output'] as const) : undefined
  const here = useQuery(executions.runs(id, include && [...include]))
  const there = useQuery(executions.runs(other, include && [...include]))
  const [all, setAll] = useState(false)
  const pairs = useMemo(
    () => (here.data && there.data ? compareRuns(here.data, there.data) : []),
    [here.data, there.data],
  )
  const shown = all ? pairs : pairs.filter((pair) => pair.difference !== 'same')
  return (
    <Answered query={here}>
      {() => (
        <Answered query={there}>
          {() => (
            <>
              <Group justify="space-between">
                <Text size="sm">
                  {pairs.length - pairs.filter((pair) => pair.difference === 'same').length} of {pairs.length} runs
                  differ
                </Text>
                <Switch
                  size="xs"
                  label="Show what is the same"
                  checked={all}
                  onChange={(event) => setAll(event.currentTarget.checked)}
                />
              </Group>
              {!withData && <Text size="xs">So many runs are compared by their course alone, without their data.</Text>}
              <ul className={classes.list}>
                {shown.slice(0, 500).map((pair) => (
                  <PairRow key={`${pair.node} ${pair.loopPath} ${pair.runIndex}`} pair={pair} nameOf={nameOf} />
                ))}
              </ul>
              <Button
                size="xs"
                variant="default"
                renderRoot={(props) => (
                  <Link
                    {...props}
                    to="/executions/$id"
                    params={{ id: other }}
                    search={{ compare: id, tab: 'compare' }}
                  />
                )}
              >
                Go to the other
              </Button>
            </>
          )}
        </Answered>
      )}
    </Answered>
  )
}

function PairRow({ pair, nameOf }: { pair: Pair; nameOf: (node: string) => string }) {
  const [open, setOpen] = useState(false)
  return (
    <li>
      <UnstyledButton className={classes.line} onClick={() => setOpen(!open)} aria-expanded={open}>
        <span className={classes.lineMain}>
          <b>{nameOf(pair.node)}</b> <span className={classes.dim}>{loopWords(pair.loopPath)}</span>
        </span>
        <Badge size="sm" tt="none" variant="default">
          {WORDS[pair.difference]}
        </Badge>
      </UnstyledButton>
      {open && <PairDetail pair={pair} />}
    </li>
  )
}

function PairDetail({ pair }: { pair: Pair }) {
  const course = (run: Pair['here']) =>
    run ? `${run.status}${run.output_port ? `, by ${run.output_port}` : ''}` : 'did not run'
  const found = pair.here && pair.there ? changes(pair.there.output ?? null, pair.here.output ?? null, 50) : []
  return (
    <Stack gap={4} px="xs" pb="xs">
      <Text size="xs">
        There: {course(pair.there)}. Here: {course(pair.here)}.
      </Text>
      {found.map((change) => (
        <div key={JSON.stringify(change.path)} className={classes.path}>
          <div>{change.path.length === 0 ? 'output' : change.path.join('.')}</div>
          <div className={classes.before}>− {short(change.before)}</div>
          <div className={classes.after}>+ {short(change.after)}</div>
        </div>
      ))}
    </Stack>
  )
}

function short(value: Json | undefined): string {
  if (value === undefined) return 'not there'
  const text = JSON.stringify(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
