import { Modal, Stack, Text, Textarea } from '@mantine/core'
import type { JsonMap } from '~/api/types'
import { setAt } from './document'
import { FieldRow, type FormContext } from './Fields'
import type { Field, NamedField } from './schema'
import { useEditor, useEditorStore } from './store'

const field = (title: string, description: string, rest: Partial<Field> & Pick<Field, 'kind'>): Field =>
  ({ title, description, required: false, fallback: undefined, ...rest }) as Field

const choices = (pairs: { [value: string]: string }) =>
  Object.entries(pairs).map(([value, description]) => ({ value, description }))

const VARIABLES = field('Variables', 'Templates call them $vars.NAME; a run can be given others.', {
  kind: 'map',
  item: field('', '', { kind: 'any' }),
})

const SETTINGS: NamedField[] = [
  {
    name: 'timeout',
    field: field('Time limit', 'Of the time it runs; waits do not count. 500ms, 30s, 5m, 2h, 7d.', { kind: 'text' }),
  },
  {
    name: 'on_suspend',
    field: field('While a node waits', '', {
      kind: 'choice',
      fallback: 'hold',
      choices: choices({
        hold: 'Nothing else runs: the order never depends on when an answer comes.',
        continue: 'Other branches go on.',
      }),
    }),
  },
  {
    name: 'durability',
    field: field('When it is written to disk', '', {
      kind: 'choice',
      fallback: 'effect',
      choices: choices({
        effect: 'Before every effect.',
        every_node: 'After every node.',
        on_suspend: 'When it waits, and at its end.',
      }),
    }),
  },
  {
    name: 'save',
    field: field('Which executions keep what happened', '', {
      kind: 'choice',
      fallback: 'all',
      choices: choices({ all: 'All.', failed: 'Those that failed.', none: 'None.' }),
    }),
  },
  { name: 'retention', field: field('How long they are kept', '30d; for ever if empty.', { kind: 'text' }) },
  {
    name: 'max_iterations',
    field: field('Most runs of a node in a loop', '', { kind: 'number', whole: true, min: 1, fallback: 10_000 }),
  },
  {
    name: 'max_memory_mb',
    field: field('Most live data of an execution (MB)', '', { kind: 'number', whole: true, min: 1, fallback: 512 }),
  },
  {
    name: 'error_workflow',
    field: field('Workflow to start when one fails', 'Its id. It gets {execution, error}.', { kind: 'text' }),
  },
]

/** What holds for the workflow as a whole. */
export function WorkflowSettings({ onClose }: { onClose: () => void }) {
  const store = useEditorStore()
  const document = useEditor((state) => state.document)
  const findings = useEditor((state) => state.findings)
  const formOf = (part: 'variables' | 'settings'): FormContext => ({
    set: (path, value) =>
      store.getState().edit(
        part === 'variables' ? 'Change the variables' : 'Change the settings',
        (document) => {
          const next = setAt(document[part], path, value) as JsonMap | undefined
          const { [part]: _, ...rest } = document
          return next && Object.keys(next).length > 0 ? { ...rest, [part]: next } : rest
        },
        `${part}.${path.join('.')}`,
      ),
    findingsAt: (path) =>
      findings.filter((finding) => finding.path?.[0] === part && finding.path.slice(1).join('.') === path.join('.')),
  })
  const settings = formOf('settings')
  return (
    <Modal opened onClose={onClose} title="Settings and variables" size="lg">
      <Stack gap="md">
        <Text size="xs" c="dimmed">
          Id: <code>{document.id}</code>
        </Text>
        <Textarea
          label="Description"
          autosize
          minRows={2}
          value={document.description ?? ''}
          onChange={(event) => {
            const text = event.currentTarget.value
            store
              .getState()
              .edit(
                'Describe the workflow',
                (document) => ({ ...document, description: text || undefined }),
                'description',
              )
          }}
        />
        <FieldRow name="variables" field={VARIABLES} path={[]} value={document.variables} form={formOf('variables')} />
        {SETTINGS.map(({ name, field }) => (
          <FieldRow
            key={name}
            name={name}
            field={field}
            path={[name]}
            value={document.settings?.[name]}
            form={settings}
          />
        ))}
      </Stack>
    </Modal>
  )
}
