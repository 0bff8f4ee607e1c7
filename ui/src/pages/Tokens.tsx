import {
  ActionIcon,
  Alert,
  Button,
  Code,
  CopyButton,
  Group,
  Modal,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
  Tooltip,
} from '@mantine/core'
import { IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { access, type NewToken, type Token, type User } from '~/api/access'
import { tellSuccess } from '~/api/query'
import { type Scope, session } from '~/api/session'
import { useConfirm } from '~/parts/confirm'
import { Page } from '~/parts/Page'
import { Answered, Empty } from '~/parts/states'
import { Time } from '~/parts/time'

const SCOPES: { value: Scope; label: string }[] = [
  { value: 'read', label: 'read: look at everything but secrets and resume links' },
  { value: 'run', label: 'run: also start, resume and cancel executions' },
  { value: 'edit', label: 'edit: also change workflows' },
  { value: 'admin', label: 'admin: everything' },
]

/** Who may come in: programs by tokens, people by passwords. */
export default function Tokens() {
  const who = useQuery(session.current())
  return (
    <Page title="Tokens" lead="Programs come in with a token, people with a name and a password. Each has a scope.">
      <Stack gap="xl">
        {who.data?.open && (
          <Alert color="yellow" variant="light" title="Nobody is asked who they are">
            Whoever can reach this server may do everything. As soon as there is a user or a token, the server asks
            everybody: make a user for yourself first.
          </Alert>
        )}
        <Users />
        <TokenList />
      </Stack>
    </Page>
  )
}

function TokenList() {
  const query = useQuery(access.tokens())
  const [making, setMaking] = useState(false)
  return (
    <section>
      <Group justify="space-between" mb="sm">
        <Title order={2}>Programs</Title>
        <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setMaking(true)}>
          New token
        </Button>
      </Group>
      <Answered query={query}>
        {(tokens) =>
          tokens.length === 0 ? (
            <Empty icon={<IconKey size={32} />} title="No tokens">
              A program sends a token as <Code>Authorization: Bearer …</Code>. Give each its own, with the smallest
              scope that does.
            </Empty>
          ) : (
            <TokenTable tokens={tokens} />
          )
        }
      </Answered>
      {making && <TokenDialog onClose={() => setMaking(false)} />}
    </section>
  )
}

function TokenTable({ tokens }: { tokens: Token[] }) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const revoke = useMutation({
    mutationFn: (token: Token) => access.revokeToken(token.id),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const end = async (token: Token) => {
    const children = 'Programs that use it are refused from now on. This cannot be taken back.'
    if (await ask({ title: `Revoke ${token.name}?`, children, confirm: 'Revoke it', destroys: true }))
      revoke.mutate(token)
  }
  return (
    <Table.ScrollContainer minWidth={560} type="native">
      {dialog}
      <Table className="panel stacks">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Scope</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>Ends</Table.Th>
            <Table.Th w={48} aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tokens.map((token) => (
            <Table.Tr key={token.id}>
              <Table.Td>{token.name}</Table.Td>
              <Table.Td data-label="Scope">{token.scope}</Table.Td>
              <Table.Td data-label="Made">
                <Time at={token.created_at} />
              </Table.Td>
              <Table.Td data-label="Last used">
                {token.last_used_at ? <Time at={token.last_used_at} /> : 'never'}
              </Table.Td>
              <Table.Td data-label="Ends">{token.expires_at ? <Time at={token.expires_at} /> : 'never'}</Table.Td>
              <Table.Td>
                <Tooltip label="Revoke">
                  <ActionIcon aria-label={`Revoke ${token.name}`} onClick={() => end(token)}>
                    <IconTrash size={16} />
                  </ActionIcon>
                </Tooltip>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function TokenDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [token, setToken] = useState<NewToken>({ name: '', scope: 'read' })
  const make = useMutation({
    mutationFn: () => access.createToken(token),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  if (make.data) return <Shown text={make.data.token} onClose={onClose} />
  return (
    <Modal opened onClose={onClose} title="New token">
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label="Name"
            description="What it is for: it stands in the change log"
            value={token.name}
            onChange={(event) => setToken({ ...token, name: event.currentTarget.value })}
            required
            data-autofocus
          />
          <Select
            label="Scope"
            data={SCOPES}
            value={token.scope}
            onChange={(scope) => setToken({ ...token, scope: (scope ?? 'read') as Scope })}
            allowDeselect={false}
          />
          <NumberInput
            label="Ends after"
            description="Days; empty for never"
            min={1}
            max={36_500}
            allowDecimal={false}
            value={token.expires_in_days ?? ''}
            onChange={(days) => setToken({ ...token, expires_in_days: typeof days === 'number' ? days : undefined })}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={make.isPending}>
              Make the token
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function Shown({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="The new token" size="lg">
      <Stack>
        <Text size="sm">This is the only time that it is shown. Copy it now, and keep it as you keep a password.</Text>
        <Code block>{text}</Code>
        <Group justify="flex-end">
          <CopyButton value={text}>
            {({ copied, copy }) => <Button onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}
          </CopyButton>
          <Button variant="default" onClick={onClose}>
            Done
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function Users() {
  const query = useQuery(access.users())
  const [editing, setEditing] = useState<User | 'new' | null>(null)
  return (
    <section>
      <Group justify="space-between" mb="sm">
        <Title order={2}>People</Title>
        <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setEditing('new')}>
          New user
        </Button>
      </Group>
      <Answered query={query}>
        {(users) =>
          users.length === 0 ? (
            <Text size="sm" c="dimmed">
              There are no users.
            </Text>
          ) : (
            <UserTable users={users} onEdit={setEditing} />
          )
        }
      </Answered>
      {editing && <UserDialog user={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
    </section>
  )
}

function UserTable({ users, onEdit }: { users: User[]; onEdit: (user: User) => void }) {
  const client = useQueryClient()
  const [ask, dialog] = useConfirm()
  const remove = useMutation({
    mutationFn: (user: User) => access.deleteUser(user.name),
    onSuccess: () => client.invalidateQueries({ queryKey: ['users'] }),
  })
  const end = async (user: User) => {
    const children = 'Their sessions end at once.'
    if (await ask({ title: `Remove ${user.name}?`, children, confirm: 'Remove', destroys: true })) remove.mutate(user)
  }
  return (
    <Table className="panel stacks">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Name</Table.Th>
          <Table.Th>Scope</Table.Th>
          <Table.Th aria-label="Actions" />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {users.map((user) => (
          <Table.Tr key={user.name}>
            <Table.Td>{user.name}</Table.Td>
            <Table.Td data-label="Scope">{user.scope}</Table.Td>
            <Table.Td>
              <Group gap={4} justify="flex-end" wrap="nowrap">
                <Button size="compact-xs" variant="subtle" onClick={() => onEdit(user)}>
                  Change
                </Button>
                <ActionIcon aria-label={`Remove ${user.name}`} onClick={() => end(user)}>
                  <IconTrash size={16} />
                </ActionIcon>
              </Group>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
      {dialog}
    </Table>
  )
}

const SHORTEST_PASSWORD = 12

function UserDialog({ user, onClose }: { user: User | null; onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState(user?.name ?? '')
  const [password, setPassword] = useState('')
  const [scope, setScope] = useState<Scope>(user?.scope ?? 'admin')
  const put = useMutation({
    mutationFn: () => access.putUser(name, { scope, password: password || undefined }),
    onSuccess: () => {
      tellSuccess(`${name} is saved`)
      client.invalidateQueries({ queryKey: ['users'] })
      client.invalidateQueries({ queryKey: ['session'] })
      onClose()
    },
  })
  const short = password.length > 0 && password.length < SHORTEST_PASSWORD
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!short) put.mutate()
  }
  return (
    <Modal opened onClose={onClose} title={user ? `Change ${user.name}` : 'New user'}>
      <form onSubmit={submit}>
        <Stack>
          {!user && (
            <TextInput
              label="Name"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              autoComplete="off"
              required
              data-autofocus
            />
          )}
          <PasswordInput
            label={user ? 'New password' : 'Password'}
            description={
              user
                ? 'Empty: the old one stays. A new one ends all their sessions.'
                : `At least ${SHORTEST_PASSWORD} characters`
            }
            error={short ? `At least ${SHORTEST_PASSWORD} characters` : undefined}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="new-password"
            required={!user}
          />
          <Select
            label="Scope"
            data={SCOPES}
            value={scope}
            onChange={(scope) => setScope((scope ?? 'read') as Scope)}
            allowDeselect={false}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={put.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
