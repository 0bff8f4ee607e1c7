import {
  ActionIcon,
  Button,
  Code,
  Group,
  Modal,
  PasswordInput,
  Stack,
  Table,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core'
import { IconLock, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { tellSuccess } from '~/api/query'
import { type Secret, secrets } from '~/api/secrets'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { Time } from '~/parts/time'

/** Passwords and keys that workflows use. They go in, and never come out. */
export default function Secrets() {
  const query = useQuery(secrets.list())
  const [editing, setEditing] = useState<Secret | 'new' | null>(null)
  const add = (
    <Button size="sm" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>
      New secret
    </Button>
  )
  return (
    <Page
      title="Secrets"
      lead={
        <>
          Passwords and keys for workflows, as <Code>{'{{ $secrets.NAME }}'}</Code>. Nobody can read them here again.
        </>
      }
      actions={add}
    >
      <Answered query={query}>
        {(all) =>
          all.length === 0 ? (
            <Empty icon={<IconLock size={36} />} title="No secrets" action={add}>
              A secret is kept encrypted, is taken out of everything that is recorded, and is sent to the hosts that you
              name and to no other.
            </Empty>
          ) : (
            <Rows secrets={all} onChange={setEditing} />
          )
        }
      </Answered>
      {editing && <SecretDialog secret={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
    </Page>
  )
}

function Rows({ secrets: all, onChange }: { secrets: Secret[]; onChange: (secret: Secret) => void }) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const remove = useMutation({
    mutationFn: (secret: Secret) => secrets.delete(secret.name),
    onSuccess: () => client.invalidateQueries({ queryKey: ['secrets'] }),
  })
  const end = async (secret: Secret) => {
    const children = 'Nodes that mention it fail from now on. It cannot be brought back.'
    if (await ask({ title: `Delete ${secret.name}?`, children, confirm: 'Delete it', destroys: true }))
      remove.mutate(secret)
  }
  return (
    <Table.ScrollContainer minWidth={560} type="native">
      {dialog}
      <Table className="panel stacks">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>May be sent to</Table.Th>
            <Table.Th>Set</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {all.map((secret) => (
            <Table.Tr key={secret.name}>
              <Table.Td>
                <Text size="sm" ff="monospace">
                  {secret.name}
                </Text>
              </Table.Td>
              <Table.Td data-label="May be sent to">{hostsText(secret.allowed_hosts)}</Table.Td>
              <Table.Td data-label="Set">
                <Time at={secret.updated_at} />
              </Table.Td>
              <Table.Td>
                <Group gap={4} justify="flex-end" wrap="nowrap">
                  <Button size="compact-xs" variant="subtle" onClick={() => onChange(secret)}>
                    Replace
                  </Button>
                  <ActionIcon aria-label={`Delete ${secret.name}`} onClick={() => end(secret)}>
                    <IconTrash size={16} />
                  </ActionIcon>
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function hostsText(hosts: string[]): string {
  if (hosts.includes('*')) return 'any host'
  return hosts.length === 0 ? 'no host' : hosts.join(', ')
}

function SecretDialog({ secret, onClose }: { secret: Secret | null; onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState(secret?.name ?? '')
  const [value, setValue] = useState('')
  const [hosts, setHosts] = useState(secret?.allowed_hosts ?? [])
  const put = useMutation({
    mutationFn: () => secrets.put(name, { value, allowed_hosts: hosts, based_on: secret?.version ?? 0 }),
    onSuccess: () => {
      tellSuccess(`${name} is set`)
      client.invalidateQueries({ queryKey: ['secrets'] })
      onClose()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    put.mutate()
  }
  return (
    <Modal opened onClose={onClose} title={secret ? `Replace ${secret.name}` : 'New secret'}>
      <form onSubmit={submit} autoComplete="off">
        <Stack>
          {!secret && (
            <TextInput
              label="Name"
              description={`In templates: $secrets.${name || 'name'}`}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
              data-autofocus
            />
          )}
          <PasswordInput
            label="Value"
            description="It cannot be read here again"
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
            autoComplete="new-password"
            required
          />
          <TagsInput
            label="Hosts that may be sent it"
            description="api.example.com, *.example.com, or * for any; Enter after each"
            value={hosts}
            onChange={setHosts}
            acceptValueOnBlur
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={put.isPending}>
              {secret ? 'Replace' : 'Save'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
