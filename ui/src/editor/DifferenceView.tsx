import { Text } from '@mantine/core'
import { useMemo } from 'react'
import type { Action, WorkflowDocument } from '~/api/types'
import { differenceOf, withContext } from './difference'
import classes from './editor.module.css'
import { writeYaml } from './yaml'

interface DifferenceViewProps {
  before: WorkflowDocument
  after: WorkflowDocument
  actions: Map<string, Action>
  label: string
}

const SIGN = { same: ' ', gone: '−', new: '+' }
const WORD = { same: '', gone: 'taken out: ', new: 'added: ' }

/** What two versions of a workflow differ in, as YAML. */
export function DifferenceView({ before, after, actions, label }: DifferenceViewProps) {
  const lines = useMemo(
    () => withContext(differenceOf(writeYaml(before, actions), writeYaml(after, actions))),
    [before, after, actions],
  )
  if (lines.every((line) => line === null)) {
    return (
      <Text size="sm" c="dimmed" py="md">
        They are the same.
      </Text>
    )
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section className={classes.difference} aria-label={label} tabIndex={0}>
      {lines.map((line, place) =>
        line === null ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name than their place
          <div key={place} className={classes.gap} aria-hidden>
            ⋯
          </div>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name than their place
          <div key={place} className={classes.diffLine} data-kind={line.kind}>
            <span className={classes.diffNumber} aria-hidden>
              {line.before ?? ''}
            </span>
            <span className={classes.diffNumber} aria-hidden>
              {line.after ?? ''}
            </span>
            <span aria-hidden>{SIGN[line.kind]}</span>
            <code>
              {line.kind !== 'same' && <span className={classes.hidden}>{WORD[line.kind]}</span>}
              {line.text}
            </code>
          </div>
        ),
      )}
    </section>
  )
}
