import { Stack, Switch, Textarea } from '@mantine/core'
import type { NodeDocument } from '~/api/types'
import { setNodeField } from './document'
import { FieldRow } from './Fields'
import { useFormContext } from './ParamsForm'
import type { Field, NamedField } from './schema'
import { useEditorStore } from './store'

const field = (title: string, description: string, rest: Partial<Field> & Pick<Field, 'kind'>): Field =>
  ({ title, description, required: false, fallback: undefined, ...rest }) as Field

const choices = (pairs: { [value: string]: string }) =>
  Object.entries(pairs).map(([value, description]) => ({ value, description }))

/** What can be set for every node, whatever it does. */
const SETTINGS: NamedField[] = [
  {
    name: 'on_error',
    field: field('When it fails', 'After all tries.', {
      kind: 'choice',
      fallback: 'stop_workflow',
      choices: choices({
        stop_workflow: 'The execution fails.',
        continue: 'It goes on by its default port, with the error as output.',
        continue_error_output: 'It goes on by a port of its own, `error`.',
      }),
    }),
  },
  { name: 'retry_on_failed', field: field('Try again when it fails', '', { kind: 'switch', fallback: false }) },
  {
    name: 'max_retries',
    field: field('How often it is tried again', '1 to 10.', {
      kind: 'number',
      whole: true,
      min: 1,
      max: 10,
      fallback: 1,
    }),
  },
  {
    name: 'retry_delay_ms',
    field: field('Pause before a new try (ms)', '', {
      kind: 'number',
      whole: true,
      min: 0,
      max: 3_600_000,
      fallback: 1000,
    }),
  },
  {
    name: 'backoff',
    field: field('How the pauses grow', '', {
      kind: 'choice',
      fallback: 'fixed',
      choices: choices({ fixed: 'They stay the same.', exponential: 'Each is twice the last.' }),
    }),
  },
  { name: 'max_retry_delay_ms', field: field('Longest pause (ms)', '', { kind: 'number', whole: true, min: 0 }) },
  {
    name: 'timeout_ms',
    field: field('Limit for one try (ms)', 'Past it, the try fails with action.timeout.', {
      kind: 'number',
      whole: true,
      min: 1,
    }),
  },
  {
    name: 'join',
    field: field('When several ways lead here', '', {
      kind: 'choice',
      choices: choices({ each: 'It runs once for each that comes.', all: 'It runs once, when nothing more can come.' }),
    }),
  },
  {
    name: 'on_crash',
    field: field('When the server crashes while it runs', 'Nobody can know whether it had its effect.', {
      kind: 'choice',
      choices: choices({ retry: 'It is run again.', fail: 'It fails.', ask: 'A person decides.' }),
    }),
  },
]

/** What holds for any node: failures, tries, limits; its notes; off and on. */
export function SettingsForm({ node }: { node: NodeDocument }) {
  const store = useEditorStore()
  const form = useFormContext(node, 'settings')
  const settings = node.settings ?? {}
  const edit = store.getState().edit
  const retries = settings.retry_on_failed === true
  const shown = SETTINGS.filter(
    ({ name }) =>
      retries ||
      !['max_retries', 'retry_delay_ms', 'backoff', 'max_retry_delay_ms'].includes(name) ||
      settings[name] !== undefined,
  )
  return (
    <Stack gap="md">
      {shown.map(({ name, field }) => (
        <FieldRow key={name} name={name} field={field} path={[name]} value={settings[name]} form={form} />
      ))}
      <Switch
        label="Disabled: passes its input through"
        checked={node.disabled ?? false}
        onChange={(event) => {
          const off = event.currentTarget.checked
          edit(off ? `Disable ${node.key}` : `Enable ${node.key}`, (document) =>
            setNodeField(document, node.key, 'disabled', off || undefined),
          )
        }}
      />
      <Textarea
        label="Notes"
        description="For whoever reads this workflow next."
        autosize
        minRows={2}
        value={node.notes ?? ''}
        onChange={(event) => {
          const text = event.currentTarget.value
          edit(
            `Note on ${node.key}`,
            (document) => setNodeField(document, node.key, 'notes', text || undefined),
            `${node.key}.notes`,
          )
        }}
      />
    </Stack>
  )
}
