import { ActionIcon, Button, CopyButton, Group, Menu, Text, Tooltip } from '@mantine/core'
import {
  IconBan,
  IconChevronDown,
  IconCopy,
  IconDots,
  IconPlugConnectedX,
  IconRefresh,
  IconTool,
  IconTrash,
} from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { executions } from '~/api/executions'
import { tellSuccess } from '~/api/query'
import type { Connection } from '~/api/sse'
import type { ExecutionDetail } from '~/api/types'
import { useConfirm } from '~/parts/confirm'
import { isEnded, StatusBadge } from '~/parts/status'
import { Duration, Time } from '~/parts/time'
import classes from './execution.module.css'

interface HeaderProps {
  detail: ExecutionDetail
  name: string
  connection: Connection
  onRetry: (version: 'original' | 'current') => void
}

/** Which execution this is, how it stands, and what can be done about it. */
export function Header({ detail, name, connection, onRetry }: HeaderProps) {
  const { id, workflow_id, workflow_version, status, started_at, completed_at, parent_execution_id } = detail.execution
  const retryable = status === 'failed' || status === 'timeout' || status === 'cancelled'
  return (
    <header className={classes.head}>
      <div>
        <Group gap="sm">
          <Text component="h1" size="lg" fw={600} m={0}>
            <Link to="/workflows/$id" params={{ id: workflow_id }} search={{ execution: id }}>
              {name}
            </Link>
          </Text>
          <StatusBadge status={status} />
          {connection === 'lost' && !isEnded(status) && (
            <Tooltip label="The connection is lost; it is being tried again">
              <IconPlugConnectedX size={16} aria-label="Not live" />
            </Tooltip>
          )}
        </Group>
        <div className={classes.facts}>
          <span>version {workflow_version}</span>
          <span>
            began <Time at={started_at} />
          </span>
          {completed_at && (
            <span>
              took <Duration from={started_at} to={completed_at} />
            </span>
          )}
          <span>{detail.node_execution_count} node runs</span>
          <CopyButton value={id}>
            {({ copied, copy }) => (
              <Tooltip label={copied ? 'Copied' : 'Copy the id'}>
                <button type="button" className={classes.plain} onClick={copy} aria-label={`Copy the id ${id}`}>
                  {id} <IconCopy size={11} aria-hidden />
                </button>
              </Tooltip>
            )}
          </CopyButton>
          {parent_execution_id && (
            <Link to="/executions/$id" params={{ id: parent_execution_id }}>
              started by another execution
            </Link>
          )}
        </div>
      </div>
      <Group gap="xs" ml="auto">
        {retryable && <RetryMenu onRetry={onRetry} />}
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTool size={14} />}
          renderRoot={(props) => (
            <Link {...props} to="/workflows/$id" params={{ id: workflow_id }} search={{ execution: id }} />
          )}
        >
          Open in editor
        </Button>
        <End detail={detail} />
      </Group>
    </header>
  )
}

function RetryMenu({ onRetry }: { onRetry: HeaderProps['onRetry'] }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" leftSection={<IconRefresh size={14} />} rightSection={<IconChevronDown size={12} />}>
          Retry
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Goes on from the node that failed, in a new execution</Menu.Label>
        <Menu.Item onClick={() => onRetry('original')}>On the version of this execution</Menu.Item>
        <Menu.Item onClick={() => onRetry('current')}>On the newest version</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** Ending it, or removing it. */
function End({ detail }: { detail: ExecutionDetail }) {
  const { id, status } = detail.execution
  const client = useQueryClient()
  const navigate = useNavigate()
  const [ask, dialog] = useConfirm()
  const cancel = useMutation({
    mutationFn: () => executions.cancel(id),
    onSuccess: () => {
      tellSuccess('Cancelled: it ends before its next node starts')
      client.invalidateQueries({ queryKey: ['executions'] })
    },
  })
  const remove = useMutation({
    mutationFn: () => executions.delete(id),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ['executions', 'list'] })
      navigate({ to: '/executions' })
    },
  })
  const askCancel = async () => {
    const children = 'Executions that it started and waits for are cancelled too. What it did so far stays done.'
    if (await ask({ title: 'Cancel this execution?', children, confirm: 'Cancel the execution', destroys: true }))
      cancel.mutate()
  }
  const askRemove = async () => {
    const children = 'Its history and data, and those of the executions that it started, are removed for good.'
    if (await ask({ title: 'Delete this execution?', children, confirm: 'Delete it', destroys: true })) remove.mutate()
  }
  return (
    <>
      {dialog}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon aria-label="More" size="lg">
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconBan size={14} />} disabled={isEnded(status)} onClick={askCancel}>
            Cancel
          </Menu.Item>
          <Menu.Item leftSection={<IconTrash size={14} />} color="red" disabled={!isEnded(status)} onClick={askRemove}>
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  )
}
