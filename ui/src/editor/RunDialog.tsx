import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { IconAntenna, IconPlayerPlay } from '@tabler/icons-react'
import { useState } from 'react'
import type { Json } from '~/api/types'
import { JsonField } from './Fields'

interface RunDialogProps {
  triggers: { key: string; name: string; type: string }[]
  last: Json | undefined
  onListen: (trigger: string) => void
  onRun: (input: Json, trigger: string | undefined) => void
  onClose: () => void
}

/** What a run begins with. */
export function RunDialog({ triggers, last, onRun, onListen, onClose }: RunDialogProps) {
  const [input, setInput] = useState<Json | undefined>(last ?? {})
  const [trigger, setTrigger] = useState(triggers[0]?.key)
  const chosen = triggers.find((one) => one.key === trigger)
  return (
    <Modal opened onClose={onClose} title="Run with input" size="lg">
      <Stack>
        {triggers.length > 1 && (
          <Select
            label="Starts at"
            data={triggers.map((one) => ({ value: one.key, label: one.name }))}
            value={trigger}
            onChange={(value) => value && setTrigger(value)}
            allowDeselect={false}
          />
        )}
        <div>
          <Text size="sm" fw={500} mb={4}>
            Input, as JSON
          </Text>
          <JsonField value={input} onChange={setInput} label="Input, as JSON" lines={8} />
          <Text size="xs" c="dimmed" mt={4}>
            {chosen?.type === 'webhook.trigger'
              ? 'What a request would give: {"method", "path", "params", "query", "headers", "body"}.'
              : 'The first node passes it on; templates call it $trigger.'}
          </Text>
        </div>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          {chosen?.type === 'webhook.trigger' && (
            <Button variant="default" leftSection={<IconAntenna size={16} />} onClick={() => onListen(chosen.key)}>
              Listen for a test request
            </Button>
          )}
          <Button
            leftSection={<IconPlayerPlay size={16} />}
            onClick={() => onRun(input ?? null, triggers.length > 1 ? trigger : undefined)}
          >
            Run
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
