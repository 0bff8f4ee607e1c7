import { ActionIcon, Badge, Button, Code, Group, Table, Text } from '@mantine/core'
import { IconId, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Credential, credentials } from '~/api/credentials'
import { tellFailure, tellSuccess } from '~/api/query'
import { AuthorizeDialog } from '~/credentials/AuthorizeDialog'
import { CredentialDialog } from '~/credentials/CredentialDialog'
import { kindOf } from '~/credentials/kinds'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { Time } from '~/parts/time'

/** What tells services who asks. It goes in, and never comes out. */
export default function Credentials() {
  const query = useQuery(credentials.list())
  const [editing, setEditing] = useState<Credential | 'new' | null>(null)
  const [authorizing, setAuthorizing] = useState<Credential | null>(null)
  const add = (
    <Button size="sm" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>
      New credential
    </Button>
  )
  return (
    <Page
      title="Credentials"
      lead={
        <>
          Who this program is, to each service. A node names one: <Code>{'auth: {credential: NAME}'}</Code>.
        </>
      }
      actions={add}
    >
      <Answered query={query}>
        {(all) =>
          all.length === 0 ? (
            <Empty icon={<IconId size={36} />} title="No credentials" action={add}>
              A password, a key or a token of a service, or all that OAuth 2 takes to get tokens and renew them. It is
              kept encrypted, put into requests at the last moment, and sent to the hosts that you name and to no other.
            </Empty>
          ) : (
            <Rows credentials={all} onReplace={setEditing} onAuthorize={setAuthorizing} />
          )
        }
      </Answered>
      {editing && <CredentialDialog credential={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      {authorizing && <AuthorizeDialog credential={authorizing} onClose={() => setAuthorizing(null)} />}
    </Page>
  )
}

interface RowsProps {
  credentials: Credential[]
  onReplace: (credential: Credential) => void
  onAuthorize: (credential: Credential) => void
}

function Rows({ credentials: all, ...rest }: RowsProps) {
  return (
    <Table.ScrollContainer minWidth={720} type="native">
      <Table className="panel stacks">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Kind</Table.Th>
            <Table.Th>May be sent to</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Set</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {all.map((credential) => (
            <Row key={credential.name} credential={credential} {...rest} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

type RowProps = Omit<RowsProps, 'credentials'> & { credential: Credential }

function Row({ credential, onReplace, onAuthorize }: RowProps) {
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" ff="monospace">
          {credential.name}
        </Text>
      </Table.Td>
      <Table.Td data-label="Kind">
        {kindOf(credential.type)?.title ?? 'can’t be unlocked'}
        {credential.scopes.length > 0 && (
          <Text size="xs" c="dimmed">
            {credential.scopes.join(' ')}
          </Text>
        )}
      </Table.Td>
      <Table.Td data-label="May be sent to">{hostsText(credential.allowed_hosts)}</Table.Td>
      <Table.Td data-label="State">
        <State credential={credential} />
      </Table.Td>
      <Table.Td data-label="Set">
        <Time at={credential.updated_at} />
      </Table.Td>
      <Table.Td>
        <Actions credential={credential} onReplace={onReplace} onAuthorize={onAuthorize} />
      </Table.Td>
    </Table.Tr>
  )
}

function hostsText(hosts: string[]): string {
  if (hosts.includes('*')) return 'any host'
  return hosts.length === 0 ? 'no host' : hosts.join(', ')
}

function State({ credential }: { credential: Credential }) {
  const color = credential.is_ready ? 'green' : 'yellow'
  const word = credential.type === null ? 'Locked' : credential.is_ready ? 'Ready' : 'To be authorized'
  return (
    <>
      <Badge color={color} variant="light" radius="sm" tt="none" className={`status status-${color}`}>
        {word}
      </Badge>
      {credential.token_expires_at && (
        <Text size="xs" c="dimmed">
          token until <Time at={credential.token_expires_at} />
        </Text>
      )}
    </>
  )
}

function Actions({ credential, onReplace, onAuthorize }: RowProps) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const refresh = () => client.invalidateQueries({ queryKey: ['credentials'] })
  const remove = useMutation({ mutationFn: () => credentials.delete(credential.name), onSuccess: refresh })
  const test = useMutation({
    mutationFn: () => credentials.test(credential.name),
    onSuccess: ({ is_good, status, error }) => {
      refresh()
      if (is_good) tellSuccess(`${credential.name} works${status === null ? '' : `: the service answered ${status}`}`)
      else
        tellFailure(new Error(error?.message ?? `the service answered ${status}`), `${credential.name} does not work`)
    },
  })
  const end = async () => {
    const children = 'Nodes that name it fail from now on, and its tokens go with it. It cannot be brought back.'
    if (await ask({ title: `Delete ${credential.name}?`, children, confirm: 'Delete it', destroys: true }))
      remove.mutate()
  }
  return (
    <Group gap={4} justify="flex-end" wrap="nowrap">
      {dialog}
      {credential.type === 'oauth2_authorization_code' && (
        <Button
          size="compact-xs"
          variant={credential.is_ready ? 'subtle' : 'filled'}
          onClick={() => onAuthorize(credential)}
        >
          Authorize
        </Button>
      )}
      <Button size="compact-xs" variant="subtle" loading={test.isPending} onClick={() => test.mutate()}>
        Test
      </Button>
      <Button size="compact-xs" variant="subtle" onClick={() => onReplace(credential)}>
        Replace
      </Button>
      <ActionIcon aria-label={`Delete ${credential.name}`} onClick={end}>
        <IconTrash size={16} />
      </ActionIcon>
    </Group>
  )
}
