import { Button, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { exactTime } from '~/parts/time'
import classes from './execution.module.css'
import type { Step } from './replay'
import { loopWords, stepWords } from './words'

const SHOWN = 300

/** All that happened, in its true order; a press goes there. */
export function Steps({
  steps,
  at,
  onMove,
  nameOf,
}: {
  steps: Step[]
  at: number
  onMove: (at: number) => void
  nameOf: (node: string) => string
}) {
  const [shown, setShown] = useState(SHOWN)
  return (
    <>
      <ol className={classes.list} aria-label="Steps">
        {steps.slice(0, shown).map((step, place) => (
          <li key={step.number}>
            <UnstyledButton
              className={classes.line}
              aria-current={place + 1 === at}
              onClick={() => onMove(place + 1)}
              title={exactTime(step.at)}
            >
              <span className={classes.lineNumber}>{place + 1}</span>
              <span className={classes.lineMain}>
                {step.node ? <b>{nameOf(step.node)}</b> : null} {stepWords(step)}
                {step.port && step.port !== 'main' ? ` by ${step.port}` : ''}
                {step.loopPath && <span className={classes.dim}> {loopWords(step.loopPath)}</span>}
                {step.words && <span className={classes.dim}> {step.words}</span>}
              </span>
            </UnstyledButton>
          </li>
        ))}
      </ol>
      {shown < steps.length && (
        <Button size="compact-sm" variant="subtle" onClick={() => setShown(shown + SHOWN * 5)}>
          {steps.length - shown} more
        </Button>
      )}
    </>
  )
}
