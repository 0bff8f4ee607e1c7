import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { messageOf } from '~/api/problem'
import { session } from '~/api/session'
import { useTitle } from '~/parts/Page'
import { Logo } from '~/shell/Logo'

/** The way in, with a name and a password. */
export default function Login() {
  useTitle('Sign in')
  const { next } = useSearch({ from: '/login' })
  const client = useQueryClient()
  const router = useRouter()
  const who = useQuery(session.current())
  const [user, setUser] = useState('admin')
  const [password, setPassword] = useState('')
  const signIn = useMutation({
    mutationFn: () => session.signIn(user, password),
    meta: { quiet: true },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['session'] })
      router.history.push(innerPath(next))
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate()
  }
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder p="xl" w={380} maw="100%">
        <form onSubmit={submit}>
          <Stack>
            <Stack gap={4} align="center">
              <Logo />
              <Title order={1}>Sign in to Prana</Title>
            </Stack>
            {who.data?.can_log_in === false && (
              <Alert color="yellow" variant="light" p="sm">
                <Text size="sm">
                  There is no user yet. On the machine of the server, <code>prana users set admin</code> makes one.
                </Text>
              </Alert>
            )}
            <TextInput
              label="User"
              value={user}
              onChange={(event) => setUser(event.currentTarget.value)}
              autoComplete="username"
              required
            />
            <PasswordInput
              label="Password"
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              autoComplete="current-password"
              required
              data-autofocus
            />
            {signIn.error && (
              <Text size="sm" c="red" role="alert">
                {messageOf(signIn.error)}
              </Text>
            )}
            <Button type="submit" loading={signIn.isPending}>
              Sign in
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  )
}

/** Where to go on: only within this server. */
function innerPath(next: string | undefined): string {
  if (!next?.startsWith('/') || next.startsWith('//') || next.startsWith('/\\') || next.startsWith('/login')) return '/'
  return next
}
