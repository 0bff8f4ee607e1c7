import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { messageOf, Problem } from '~/api/problem'
import { workflows } from '~/api/workflows'
import { Page } from '~/parts/Page'
import { Examples } from './Examples'

/** A new workflow: a name, or an example to begin with. */
export default function New() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [id, setId] = useState<string | null>(null)
  const wanted = id ?? idOf(name)
  const create = useMutation({
    meta: { quiet: true },
    mutationFn: () => workflows.create({ id: wanted, name: name.trim() || undefined, nodes: [] }),
    onSuccess: () => {
      client.invalidateQueries({ queryKey: ['workflows'] })
      navigate({ to: '/workflows/$id', params: { id: wanted } })
    },
  })
  const wrong =
    create.error instanceof Problem && create.error.code === 'workflow.exists'
      ? `There is a workflow ${wanted} already`
      : create.error
        ? messageOf(create.error)
        : undefined
  return (
    <Page title="New workflow" lead="Start with an empty canvas, or with an example to change.">
      <form
        className="panel"
        onSubmit={(event) => {
          event.preventDefault()
          create.mutate()
        }}
      >
        <Stack p="lg" gap="md">
          <Group align="flex-start" gap="md">
            <TextInput
              label="Name"
              placeholder="Order intake"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              data-autofocus
              autoFocus
              flex={2}
              miw={220}
            />
            <TextInput
              label="Id"
              description="Letters, digits, _ . and -; it stays."
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              value={wanted}
              onChange={(event) => setId(event.currentTarget.value)}
              error={wrong}
              flex={1}
              miw={180}
              ff="monospace"
            />
          </Group>
          <Group>
            <Button type="submit" disabled={!/^[A-Za-z0-9_.-]{1,128}$/.test(wanted)} loading={create.isPending}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
      <Stack mt="xl">
        <Examples />
      </Stack>
    </Page>
  )
}

/** An id made of a name. */
export const idOf = (name: string) =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9_.-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 128)
