import { Text, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Problem } from '~/api/problem'
import { actions, workflows } from '~/api/workflows'
import { actionsByType } from '~/canvas/graph'
import { readYaml } from '~/editor/yaml'
import { Prose } from '~/parts/Prose'
import { EXAMPLES, type Example } from './examples'
import classes from './workflows.module.css'

/** Workflows to take and change. */
export function Examples() {
  const client = useQueryClient()
  const navigate = useNavigate()
  const take = useMutation({
    mutationFn: async (example: Example) => {
      const read = readYaml(example.text, actionsByType(await client.fetchQuery(actions.list())))
      if ('errors' in read) throw new Error(read.errors[0]?.message)
      // Taken twice, it is opened: what was made of it is not written over.
      await workflows.create(read.document).catch((error) => {
        if (!(error instanceof Problem && error.code === 'workflow.exists')) throw error
      })
      return read.document.id
    },
    onSuccess: (id) => {
      client.invalidateQueries({ queryKey: ['workflows'] })
      navigate({ to: '/workflows/$id', params: { id } })
    },
  })
  return (
    <section aria-label="Examples">
      <Title order={2} mb="sm">
        Examples
      </Title>
      <div className={classes.examples}>
        {EXAMPLES.map((example) => (
          <button
            key={example.id}
            type="button"
            className={classes.example}
            onClick={() => take.mutate(example)}
            disabled={take.isPending}
          >
            <Text fw={600}>{example.name}</Text>
            <Text size="sm" c="dimmed">
              <Prose>{example.about}</Prose>
            </Text>
          </button>
        ))}
      </div>
    </section>
  )
}
