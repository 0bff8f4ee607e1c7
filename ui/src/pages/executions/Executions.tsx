import { Button, Checkbox, Group, MultiSelect, Select, Stack, Table, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconActivity, IconBan, IconRefresh, IconSearch } from '@tabler/icons-react'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { useEvents } from '~/api/events'
import { executions } from '~/api/executions'
import { useWorkflowNames } from '~/api/names'
import { tellSuccess } from '~/api/query'
import type { ExecutionRow, ExecutionStatus } from '~/api/types'
import { workflows } from '~/api/workflows'
import { filterOf, isNarrowed, SPANS } from '~/execution/filter'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Empty, Failure, Loading } from '~/parts/states'
import { isEnded, StatusBadge, statusLook } from '~/parts/status'
import { Duration, Time, useNow } from '~/parts/time'
import type { ExecutionsSearch } from '~/router'

const STATUSES: ExecutionStatus[] = ['running', 'suspended', 'completed', 'failed', 'timeout', 'cancelled', 'pending']

/** All executions, the newest first; what happens shows at once. */
export default function Executions() {
  const search = useSearch({ from: '/framed/executions' })
  const list = useExecutions(search)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const rows = list.data?.pages.flatMap((page) => page.executions) ?? []
  return (
    <Page title="Executions" lead="Everything that ran, the newest first.">
      <Stack>
        <Filters search={search} />
        <Bulk chosen={rows.filter((row) => chosen.has(row.id))} onDone={() => setChosen(new Set())} />
        {list.isPending && <Loading />}
        {list.error && <Failure error={list.error} again={() => list.refetch()} />}
        {list.data && rows.length === 0 && <Nothing narrowed={isNarrowed(search)} />}
        {rows.length > 0 && <Rows rows={rows} chosen={chosen} onChoose={setChosen} />}
        {list.hasNextPage && (
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => list.fetchNextPage()}>
            Older executions
          </Button>
        )}
      </Stack>
    </Page>
  )
}

/** The pages that were asked for; asked for anew, at most once a second, when executions begin, wait or end. */
function useExecutions(search: ExecutionsSearch) {
  const now = useNow()
  const client = useQueryClient()
  const filter = filterOf(search, now)
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEvents(null, (event) => {
    if (event.type === 'event' && !event.event.kind.startsWith('execution_')) return
    waiting.current ??= setTimeout(() => {
      waiting.current = undefined
      client.invalidateQueries({ queryKey: ['executions', 'pages'] })
    }, 1_000)
  })
  return useInfiniteQuery({
    queryKey: ['executions', 'pages', filter],
    queryFn: ({ pageParam, signal }) => executions.page({ ...filter, cursor: pageParam, limit: 50 }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  })
}

function Filters({ search }: { search: ExecutionsSearch }) {
  const navigate = useNavigate({ from: '/executions' })
  const known = useQuery(workflows.list())
  const set = (change: Partial<ExecutionsSearch>) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const setText = useDebouncedCallback((text: string) => set({ text: text || undefined }), 300)
  const names =
    known.data?.map((one) => ({ value: one.id, label: one.name ? `${one.name} (${one.id})` : one.id })) ?? []
  const workflow =
    search.workflow && !names.some((one) => one.value === search.workflow)
      ? [{ value: search.workflow, label: search.workflow }, ...names]
      : names
  return (
    <Group gap="sm" align="flex-end">
      <MultiSelect
        label="Status"
        placeholder={search.status ? undefined : 'Any'}
        data={STATUSES.map((status) => ({ value: status, label: statusLook[status].label }))}
        value={search.status?.split(',') ?? []}
        onChange={(statuses) => set({ status: statuses.join(',') || undefined })}
        clearable
        w={{ base: 'calc(50% - 6px)', xs: 240 }}
      />
      <Select
        label="Workflow"
        placeholder="Any"
        data={workflow}
        value={search.workflow ?? null}
        onChange={(workflow) => set({ workflow: workflow ?? undefined })}
        searchable
        clearable
        w={{ base: 'calc(50% - 6px)', xs: 240 }}
      />
      <Select
        label="Began"
        placeholder="Any time"
        data={spansWith(search.from)}
        value={search.from ?? null}
        onChange={(from) => set({ from: from ?? undefined })}
        clearable
        w={{ base: 'calc(50% - 6px)', xs: 160 }}
      />
      <TextInput
        label="Text"
        placeholder="Id, workflow or error"
        leftSection={<IconSearch size={14} />}
        defaultValue={search.text}
        onChange={(event) => setText(event.currentTarget.value)}
        w={{ base: 'calc(50% - 6px)', xs: 220 }}
      />
    </Group>
  )
}

function spansWith(from: string | undefined) {
  const spans = SPANS.map(({ value, label }) => ({ value: `-${value}h`, label }))
  return from && !spans.some((span) => span.value === from)
    ? [...spans, { value: from, label: `Since ${from}` }]
    : spans
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  if (narrowed)
    return (
      <Empty icon={<IconSearch size={36} />} title="None of the executions fits">
        Take a filter away, or look further back.
      </Empty>
    )
  return (
    <Empty
      icon={<IconActivity size={36} />}
      title="Nothing has run yet"
      action={<Button renderRoot={(props) => <Link {...props} to="/workflows" />}>To the workflows</Button>}
    >
      Run a workflow from its editor, by a webhook or by a schedule; each run is kept here, step by step.
    </Empty>
  )
}

interface RowsProps {
  rows: ExecutionRow[]
  chosen: ReadonlySet<string>
  onChoose: (chosen: ReadonlySet<string>) => void
}

function Rows({ rows, chosen, onChoose }: RowsProps) {
  const nameOf = useWorkflowNames()
  const here = rows.filter((row) => chosen.has(row.id)).length
  const toggle = (id: string) => {
    const next = new Set(chosen)
    if (!next.delete(id)) next.add(id)
    onChoose(next)
  }
  return (
    <Table.ScrollContainer minWidth={640} type="native">
      <Table className="panel stacks" verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={36}>
              <Checkbox
                size="xs"
                aria-label="Choose all that are shown"
                checked={here > 0 && here === rows.length}
                indeterminate={here > 0 && here < rows.length}
                onChange={() => onChoose(here === rows.length ? new Set() : new Set(rows.map((row) => row.id)))}
              />
            </Table.Th>
            <Table.Th>Status</Table.Th>
            <Table.Th>Workflow</Table.Th>
            <Table.Th>Began</Table.Th>
            <Table.Th>Took</Table.Th>
            <Table.Th>Id</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.id}>
              <Table.Td>
                <Checkbox
                  size="xs"
                  aria-label={`Choose ${row.id}`}
                  checked={chosen.has(row.id)}
                  onChange={() => toggle(row.id)}
                />
              </Table.Td>
              <Table.Td>
                <StatusBadge status={row.status} size="sm" />
              </Table.Td>
              <Table.Td>
                <Link to="/executions/$id" params={{ id: row.id }}>
                  {nameOf(row.workflow_id)}
                </Link>{' '}
                <Text span size="xs" c="dimmed">
                  v{row.workflow_version}
                </Text>
              </Table.Td>
              <Table.Td data-label="Began">
                <Time at={row.created_at} />
              </Table.Td>
              <Table.Td data-label="Took">
                {row.wakes_at && !row.completed_at ? (
                  <WakesAt at={row.wakes_at} />
                ) : (
                  <Duration from={row.created_at} to={row.completed_at} />
                )}
              </Table.Td>
              <Table.Td data-label="Id">
                <Text size="xs" ff="monospace" c="dimmed">
                  {row.id.slice(-12)}
                </Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function WakesAt({ at }: { at: string }) {
  return (
    <Text span size="sm" c="dimmed">
      goes on <Time at={at} />
    </Text>
  )
}

const count = (rows: unknown[]) => (rows.length === 1 ? 'one execution' : `${rows.length} executions`)

/** What can be done to all that are chosen. */
function Bulk({ chosen, onDone }: { chosen: ExecutionRow[]; onDone: () => void }) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const bulk = useMutation({
    mutationFn: ({ action, rows }: { action: 'cancel' | 'retry'; rows: ExecutionRow[] }) =>
      executions.bulk(
        action,
        rows.map((row) => row.id),
      ),
    onSuccess: ({ done, results }) => {
      const failed = results.filter((result) => result.error)
      tellSuccess(
        failed.length === 0
          ? `Done for ${done}`
          : `Done for ${done}; not for ${failed.length}: ${failed[0]?.error?.detail}`,
      )
      client.invalidateQueries({ queryKey: ['executions'] })
      onDone()
    },
  })
  if (chosen.length === 0) return dialog
  const open = chosen.filter((row) => !isEnded(row.status))
  const failed = chosen.filter((row) => row.status === 'failed' || row.status === 'timeout')
  const cancel = async () => {
    const children = 'What they did so far stays done. Executions that they started and wait for are cancelled too.'
    if (await ask({ title: `Cancel ${count(open)}?`, children, confirm: 'Cancel them', destroys: true }))
      bulk.mutate({ action: 'cancel', rows: open })
  }
  const retry = async () => {
    const children = 'Each goes on from the node that failed, as a new execution on the version that it ran.'
    if (await ask({ title: `Retry ${count(failed)}?`, children, confirm: 'Retry them' }))
      bulk.mutate({ action: 'retry', rows: failed })
  }
  return (
    <Group className="panel stacks" p="xs" gap="sm" role="toolbar" aria-label="Chosen executions">
      {dialog}
      <Text size="sm">{chosen.length} chosen</Text>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconBan size={14} />}
        disabled={open.length === 0}
        onClick={cancel}
      >
        Cancel {open.length}
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconRefresh size={14} />}
        disabled={failed.length === 0}
        onClick={retry}
      >
        Retry {failed.length}
      </Button>
      <Button size="xs" variant="subtle" onClick={onDone}>
        Choose none
      </Button>
    </Group>
  )
}
