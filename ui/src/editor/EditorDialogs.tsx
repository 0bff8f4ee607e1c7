import { Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { Action, Json } from '~/api/types'
import { workflows } from '~/api/workflows'
import { Answered } from '~/parts/states'
import { triggersOf } from './actionSearch'
import { DifferenceView } from './DifferenceView'
import { RunDialog } from './RunDialog'
import { SaveConflict } from './SaveConflict'
import { Shortcuts } from './Shortcuts'
import { useEditor } from './store'
import type { Work } from './useWork'
import { WorkflowSettings } from './WorkflowSettings'

export type DialogName = 'run' | 'keys' | 'compare' | 'settings' | null

interface EditorDialogsProps {
  dialog: DialogName
  onClose: () => void
  actions: Map<string, Action>
  lastInput: Json | undefined
  work: Work
}

/** What opens over the editor. */
export function EditorDialogs({ dialog, onClose, actions, lastInput, work }: EditorDialogsProps) {
  const document = useEditor((state) => state.document)
  return (
    <>
      {dialog === 'run' && (
        <RunDialog
          triggers={triggersOf(document.nodes, actions)}
          last={lastInput}
          onClose={onClose}
          onListen={(trigger) => {
            onClose()
            work.listen(trigger)
          }}
          onRun={(input, trigger) => {
            onClose()
            work.start(input, trigger)
          }}
        />
      )}
      {dialog === 'keys' && <Shortcuts onClose={onClose} />}
      {dialog === 'settings' && <WorkflowSettings onClose={onClose} />}
      {dialog === 'compare' && <CompareActive actions={actions} onClose={onClose} />}
      {work.conflict && (
        <SaveConflict
          mine={document}
          theirs={work.conflict}
          actions={actions}
          onKeepMine={work.keepMine}
          onTakeTheirs={work.takeTheirs}
          onClose={work.forgetConflict}
        />
      )}
    </>
  )
}

/** The draft beside what runs now. */
function CompareActive({ actions, onClose }: { actions: Map<string, Action>; onClose: () => void }) {
  const document = useEditor((state) => state.document)
  const active = useQuery(workflows.get(document.id, 'active'))
  return (
    <Modal opened onClose={onClose} title="From the active version to this draft" size="xl">
      <Answered query={active}>
        {(stored) => (
          <DifferenceView
            before={stored.workflow}
            after={document}
            actions={actions}
            label={`From version ${stored.version} to this draft`}
          />
        )}
      </Answered>
    </Modal>
  )
}
