import { Button, Group, JsonInput, Modal, SegmentedControl, Stack, Text } from '@mantine/core'
import { IconHourglass } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { executions } from '~/api/executions'
import { readJson } from '~/api/json'
import { tellSuccess } from '~/api/query'
import type { Json, Wait } from '~/api/types'
import { Time } from '~/parts/time'
import classes from './execution.module.css'
import { waitWords } from './words'

/** Everything that this execution waits for, and what a person can do about it. */
export function Waits({
  id,
  waits,
  nameOf,
  onSelect,
}: {
  id: string
  waits: Wait[]
  nameOf: (node: string) => string
  onSelect: (index: number) => void
}) {
  const [open, setOpen] = useState<Wait | null>(null)
  return (
    <>
      {waits.slice(0, 5).map((wait) => (
        <div key={wait.execution_index} className={classes.wait}>
          <IconHourglass size={16} aria-hidden />
          <span>
            <b>{nameOf(wait.node_key)}</b> waits for {waitWords(wait.suspension?.type ?? 'webhook')}
            {wait.suspension?.wait_till && (
              <>
                {wait.suspension.type === 'webhook' ? ', at the latest ' : ', '}
                <Time at={wait.suspension.wait_till} />
              </>
            )}
          </span>
          <Group gap={6} ml="auto">
            {wait.suspension?.type === 'sub_workflow' && (
              <Button
                size="compact-sm"
                variant="subtle"
                renderRoot={(props) => (
                  <Link {...props} to="/executions/$id" params={{ id }} search={{ tab: 'start' }} />
                )}
              >
                Show them
              </Button>
            )}
            <Button size="compact-sm" variant="subtle" onClick={() => onSelect(wait.execution_index)}>
              Show the node
            </Button>
            {canAnswer(wait) && (
              <Button size="compact-sm" onClick={() => setOpen(wait)}>
                {wait.suspension?.type === 'decision' ? 'Decide' : 'Answer'}
              </Button>
            )}
          </Group>
        </div>
      ))}
      {waits.length > 5 && (
        <div className={classes.wait}>
          <span>And {waits.length - 5} more nodes wait.</span>
        </div>
      )}
      {open && <AnswerDialog id={id} wait={open} name={nameOf(open.node_key)} onClose={() => setOpen(null)} />}
    </>
  )
}

const canAnswer = (wait: Wait) => wait.suspension?.type === 'webhook' || wait.suspension?.type === 'decision'

interface AnswerProps {
  id: string
  wait: Wait
  name: string
  onClose: () => void
}

const DECISIONS = [
  { value: 'retry', label: 'Try again' },
  { value: 'skip', label: 'Skip' },
  { value: 'fail', label: 'Fail' },
  { value: 'cancel', label: 'Cancel' },
]

const DECISION_WORDS: { [decision: string]: string } = {
  retry: 'The node runs again, with the same parameters.',
  skip: 'The execution goes on behind the node, with the output below.',
  fail: 'The node fails; what it says about errors applies.',
  cancel: 'The whole execution is cancelled.',
}

function AnswerDialog({ id, wait, name, onClose }: AnswerProps) {
  const decides = wait.suspension?.type === 'decision'
  const [text, setText] = useState(decides ? '' : '{\n  "approved": true\n}')
  const [decision, setDecision] = useState('retry')
  const client = useQueryClient()
  const answer = useMutation({
    mutationFn: () =>
      executions.resume(
        id,
        { index: wait.execution_index },
        decides ? decisionOf(decision, text) : (readJson(text)?.value ?? null),
      ),
    onSuccess: ({ answer }) => {
      tellSuccess(answer === 'kept' ? 'Kept for when the node waits' : 'Answered: the execution goes on')
      client.invalidateQueries({ queryKey: ['executions', id] })
      onClose()
    },
  })
  const bad = text.trim() !== '' && readJson(text)?.value === undefined
  return (
    <Modal opened onClose={onClose} title={decides ? `Decide about ${name}` : `Answer for ${name}`} size="lg">
      <Stack>
        {decides && (
          <>
            <Text size="sm">
              The node was at work when its worker stopped, or it stopped its worker. What it did outside is not known:
              look there first.
            </Text>
            <SegmentedControl data={DECISIONS} value={decision} onChange={setDecision} aria-label="Decision" />
            <Text size="sm" c="dimmed">
              {DECISION_WORDS[decision]}
            </Text>
          </>
        )}
        {(!decides || decision === 'skip') && (
          <JsonInput
            label={decides ? 'Output (JSON)' : 'Data (JSON)'}
            description={decides ? 'What the nodes behind it get; empty for null' : 'The output of the node'}
            value={text}
            onChange={setText}
            error={bad ? 'This is not JSON' : undefined}
            autosize
            minRows={4}
            maxRows={16}
            formatOnBlur
            data-autofocus
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
          <Button onClick={() => answer.mutate()} loading={answer.isPending} disabled={bad}>
            {decides ? 'Decide' : 'Send the answer'}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function decisionOf(decision: string, text: string): Json {
  const output = decision === 'skip' ? readJson(text)?.value : undefined
  return output === undefined ? { decision } : { decision, output }
}
