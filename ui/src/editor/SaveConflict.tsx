import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { Action, StoredWorkflow, WorkflowDocument } from '~/api/types'
import { DifferenceView } from './DifferenceView'

interface SaveConflictProps {
  mine: WorkflowDocument
  theirs: StoredWorkflow
  actions: Map<string, Action>
  onKeepMine: () => void
  onTakeTheirs: () => void
  onClose: () => void
}

/** Somebody else saved in the meantime: what differs, and a choice. */
export function SaveConflict({ mine, theirs, actions, onKeepMine, onTakeTheirs, onClose }: SaveConflictProps) {
  return (
    <Modal opened onClose={onClose} title="Somebody saved a newer version" size="xl">
      <Stack>
        <Alert color="yellow" variant="light">
          <Text size="sm">
            Version {theirs.version} was saved while you were editing. Nothing is lost: every version is kept. Below is
            what yours would change in it.
          </Text>
        </Alert>
        <DifferenceView
          before={theirs.workflow}
          after={mine}
          actions={actions}
          label={`From version ${theirs.version} to yours`}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Go on editing
          </Button>
          <Button variant="default" onClick={onTakeTheirs}>
            Take version {theirs.version}
          </Button>
          <Button onClick={onKeepMine}>Save mine as version {theirs.version + 1}</Button>
        </Group>
      </Stack>
    </Modal>
  )
}
