import {
  ActionIcon,
  Badge,
  Button,
  FileButton,
  Group,
  Menu,
  Switch,
  Table,
  Text,
  TextInput,
  Tooltip,
} from '@mantine/core'
import {
  IconDots,
  IconDownload,
  IconHistory,
  IconPlus,
  IconSchema,
  IconSearch,
  IconTrash,
  IconUpload,
  IconVersions,
} from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { tellFailure, tellSuccess } from '~/api/query'
import type { WorkflowRow } from '~/api/types'
import { actions, workflows } from '~/api/workflows'
import { actionsByType } from '~/canvas/graph'
import { download } from '~/editor/download'
import { importTexts } from '~/editor/importing'
import { writeYaml } from '~/editor/yaml'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { Time } from '~/parts/time'
import { Examples } from './Examples'
import classes from './workflows.module.css'

/** All workflows. */
export default function Workflows() {
  const rows = useQuery(workflows.list())
  const [words, setWords] = useState('')
  return (
    <Page
      title="Workflows"
      lead="What Prana runs: saved as versions, of which one can be active."
      actions={
        <>
          <Import />
          <Button leftSection={<IconPlus size={16} />} renderRoot={(props) => <Link {...props} to="/new" />}>
            New workflow
          </Button>
        </>
      }
    >
      <Answered query={rows}>
        {(rows) =>
          rows.length === 0 ? (
            <FirstWorkflow />
          ) : (
            <>
              <TextInput
                placeholder="Search by name or id"
                aria-label="Search workflows"
                leftSection={<IconSearch size={15} />}
                value={words}
                onChange={(event) => setWords(event.currentTarget.value)}
                maw={360}
                mb="md"
              />
              <List rows={matching(rows, words)} words={words} />
            </>
          )
        }
      </Answered>
    </Page>
  )
}

function matching(rows: WorkflowRow[], words: string): WorkflowRow[] {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean)
  return rows.filter((row) => asked.every((word) => `${row.id} ${row.name ?? ''}`.toLowerCase().includes(word)))
}

function FirstWorkflow() {
  return (
    <>
      <Empty
        icon={<IconSchema size={44} stroke={1.3} />}
        title="Make your first workflow"
        action={
          <Button leftSection={<IconPlus size={16} />} renderRoot={(props) => <Link {...props} to="/new" />}>
            Start with an empty one
          </Button>
        }
      >
        A workflow is a graph of nodes: a trigger starts it, each node does one thing with what the one before gave, and
        you see what passed at every step. Start with an empty one, or take an example and change it.
      </Empty>
      <Examples />
    </>
  )
}

function List({ rows, words }: { rows: WorkflowRow[]; words: string }) {
  if (rows.length === 0) return <Text c="dimmed">No workflow is called “{words}”.</Text>
  return (
    <div className="panel stacks">
      <Table.ScrollContainer minWidth={560} type="native">
        <Table className="stacks" verticalSpacing="sm" horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Workflow</Table.Th>
              <Table.Th w={150}>Active</Table.Th>
              <Table.Th w={110}>Newest</Table.Th>
              <Table.Th w={170}>Changed</Table.Th>
              <Table.Th w={56}>
                <span className={classes.hidden}>More</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  )
}

function Row({ row }: { row: WorkflowRow }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Link to="/workflows/$id" params={{ id: row.id }} className={classes.name}>
          {row.name ?? row.id}
        </Link>
        {row.name && row.name !== row.id && (
          <Text size="xs" c="dimmed" ff="monospace">
            {row.id}
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label="Active">
        <ActiveSwitch row={row} />
      </Table.Td>
      <Table.Td data-label="Newest">v{row.latest}</Table.Td>
      <Table.Td data-label="Changed" c="dimmed">
        <Time at={row.updated_at} />
      </Table.Td>
      <Table.Td>
        <RowMenu row={row} />
      </Table.Td>
    </Table.Tr>
  )
}

function ActiveSwitch({ row }: { row: WorkflowRow }) {
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: (on: boolean) => (on ? workflows.activate(row.id) : workflows.deactivate(row.id)),
    onSettled: () => client.invalidateQueries({ queryKey: ['workflows'] }),
  })
  const old = row.active !== null && row.active < row.latest
  return (
    <Group gap="xs" wrap="nowrap">
      <Switch
        aria-label={`${row.name ?? row.id} is active`}
        checked={change.isPending ? change.variables : row.active !== null}
        disabled={change.isPending}
        onChange={(event) => change.mutate(event.currentTarget.checked)}
      />
      {old && (
        <Tooltip label="A newer version is saved and not active">
          <Badge variant="light" color="yellow" radius="sm" tt="none" className="status-yellow">
            v{row.active}
          </Badge>
        </Tooltip>
      )}
    </Group>
  )
}

function RowMenu({ row }: { row: WorkflowRow }) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const name = row.name ?? row.id
  const take = async () => {
    const [stored, known] = await Promise.all([
      client.fetchQuery(workflows.get(row.id)),
      client.fetchQuery(actions.list()),
    ])
    download(`${row.id}.yaml`, writeYaml(stored.workflow, actionsByType(known)))
  }
  const remove = async () => {
    const children = (
      <>
        <strong>{name}</strong> goes with all its versions, and its triggers stop. Executions that run go on, and what
        ran stays in the list of executions.
      </>
    )
    if (!(await ask({ title: 'Delete this workflow?', children, confirm: 'Delete', destroys: true }))) return
    await workflows.delete(row.id)
    client.invalidateQueries({ queryKey: ['workflows'] })
    tellSuccess(`${name} is deleted`)
  }
  return (
    <>
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <ActionIcon aria-label={`More for ${name}`}>
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconHistory size={15} />}
            renderRoot={(props) => <Link {...props} to="/executions" search={{ workflow: row.id }} />}
          >
            Executions
          </Menu.Item>
          <Menu.Item
            leftSection={<IconVersions size={15} />}
            renderRoot={(props) => <Link {...props} to="/workflows/$id/versions" params={{ id: row.id }} />}
          >
            Versions
          </Menu.Item>
          <Menu.Item leftSection={<IconDownload size={15} />} onClick={() => take().catch(tellFailure)}>
            Export as YAML
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => remove().catch(tellFailure)}>
            Delete…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {dialog}
    </>
  )
}

/** Takes files in: YAML or JSON, several at once. */
function Import() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const take = async (files: File[]) => {
    const known = actionsByType(await client.fetchQuery(actions.list()))
    const ids = await importTexts(await Promise.all(files.map((file) => file.text())), known)
    client.invalidateQueries({ queryKey: ['workflows'] })
    tellSuccess(ids.length === 1 ? `${ids[0]} is imported` : `${ids.length} workflows are imported`)
    if (ids.length === 1 && ids[0]) navigate({ to: '/workflows/$id', params: { id: ids[0] } })
  }
  return (
    <FileButton
      multiple
      accept=".yaml,.yml,.json"
      onChange={(files) => files.length > 0 && take(files).catch(tellFailure)}
    >
      {(props) => (
        <Button {...props} variant="default" leftSection={<IconUpload size={16} />}>
          Import
        </Button>
      )}
    </FileButton>
  )
}
