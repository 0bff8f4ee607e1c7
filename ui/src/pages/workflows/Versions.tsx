import { Badge, Button, Group, Select, Table, Text } from '@mantine/core'
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { tellFailure, tellSuccess } from '~/api/query'
import type { VersionRow } from '~/api/types'
import { actions, workflows } from '~/api/workflows'
import { actionsByType } from '~/canvas/graph'
import { DifferenceView } from '~/editor/DifferenceView'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Answered, Failure, Loading } from '~/parts/states'
import { Time } from '~/parts/time'
import classes from './workflows.module.css'

const route = getRouteApi('/framed/workflows/$id/versions')

/** Every version of a workflow, and what two of them differ in. */
export default function Versions() {
  const { id } = route.useParams()
  const answer = useQuery(workflows.versions(id))
  const rows = useQuery(workflows.list())
  const row = rows.data?.find((row) => row.id === id)
  return (
    <Page
      title={`Versions of ${row?.name ?? id}`}
      lead="Saving makes a new one, and changes nothing that runs; activating chooses the one for new executions."
      actions={
        <Button variant="default" renderRoot={(props) => <Link {...props} to="/workflows/$id" params={{ id }} />}>
          To the editor
        </Button>
      }
    >
      <Answered query={answer}>
        {(answer) => <Compared id={id} versions={answer.versions} active={row?.active ?? null} />}
      </Answered>
    </Page>
  )
}

function Compared({ id, versions, active }: { id: string; versions: VersionRow[]; active: number | null }) {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const newest = versions[0]?.version ?? 1
  const to = search.to ?? newest
  const from =
    search.from ?? (active !== null && active !== to ? active : Math.max(to - 1, versions.at(-1)?.version ?? 1))
  const choose = (next: { from?: number; to?: number }) => navigate({ search: { from, to, ...next }, replace: true })
  return (
    <div className={classes.versions}>
      <div className="panel">
        <Table verticalSpacing="xs" horizontalSpacing="md">
          <Table.Tbody>
            {versions.map((row) => (
              <VersionLine
                key={row.version}
                id={id}
                row={row}
                active={active}
                onShow={() => choose({ to: row.version, from: Math.max(row.version - 1, 1) })}
              />
            ))}
          </Table.Tbody>
        </Table>
      </div>
      <section aria-label="Difference">
        <Group mb="sm" gap="sm">
          <Text size="sm">From</Text>
          <VersionSelect label="From version" versions={versions} value={from} onChange={(from) => choose({ from })} />
          <Text size="sm">to</Text>
          <VersionSelect label="To version" versions={versions} value={to} onChange={(to) => choose({ to })} />
        </Group>
        <Difference id={id} from={from} to={to} />
      </section>
    </div>
  )
}

function VersionLine({
  id,
  row,
  active,
  onShow,
}: {
  id: string
  row: VersionRow
  active: number | null
  onShow: () => void
}) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const activate = async () => {
    const yes = await ask({
      title: `Activate version ${row.version}?`,
      children: 'New executions run it from now on; those under way stay on theirs.',
      confirm: 'Activate',
    })
    if (!yes) return
    await workflows.activate(id, row.version)
    client.invalidateQueries({ queryKey: ['workflows'] })
    tellSuccess(`Version ${row.version} is active`)
  }
  return (
    <Table.Tr>
      <Table.Td>
        <Button variant="subtle" size="compact-sm" onClick={onShow}>
          v{row.version}
        </Button>
      </Table.Td>
      <Table.Td>
        <Text size="xs" c="dimmed">
          <Time at={row.created_at} />
        </Text>
      </Table.Td>
      <Table.Td ta="right">
        {active === row.version ? (
          <Badge variant="light" color="green" radius="sm" tt="none" className="status-green">
            Active
          </Badge>
        ) : (
          <Button variant="default" size="compact-xs" onClick={() => activate().catch(tellFailure)}>
            Activate…
          </Button>
        )}
        {dialog}
      </Table.Td>
    </Table.Tr>
  )
}

function VersionSelect({
  label,
  versions,
  value,
  onChange,
}: {
  label: string
  versions: VersionRow[]
  value: number
  onChange: (version: number) => void
}) {
  return (
    <Select
      aria-label={label}
      size="xs"
      w={90}
      data={versions.map((row) => ({ value: String(row.version), label: `v${row.version}` }))}
      value={String(value)}
      onChange={(value) => value && onChange(Number(value))}
      allowDeselect={false}
    />
  )
}

function Difference({ id, from, to }: { id: string; from: number; to: number }) {
  const known = useQuery(actions.list())
  const [before, after] = useQueries({ queries: [workflows.get(id, from), workflows.get(id, to)] })
  const error = before.error ?? after.error ?? known.error
  if (error) return <Failure error={error} />
  if (!before.data || !after.data || !known.data) return <Loading />
  return (
    <DifferenceView
      before={before.data.workflow}
      after={after.data.workflow}
      actions={actionsByType(known.data)}
      label={`From version ${from} to version ${to}`}
    />
  )
}
