import { Button, Text, UnstyledButton } from '@mantine/core'
import { useMemo, useState } from 'react'
import { durationText, exactTime, useNow } from '~/parts/time'
import classes from './execution.module.css'
import type { RunState } from './replay'
import { timelineOf } from './timeline'
import { loopWords, waitWords } from './words'

const SHOWN = 200
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** When each run was at work and when it waited. */
export function TimelineView({
  runs,
  nameOf,
  selected,
  onSelect,
}: {
  runs: RunState[]
  nameOf: (node: string) => string
  selected?: number
  onSelect: (index: number) => void
}) {
  const now = useNow()
  const [shown, setShown] = useState(SHOWN)
  const open = runs.some((run) => run.endedAt === null)
  const { rows, ticks } = useMemo(() => timelineOf(runs.slice(0, shown), open ? now : 0), [runs, shown, open, now])
  return (
    <>
      <Text size="xs" c="dimmed" mb={6}>
        In the order of execution. The order in time is true; the longer a time, the more it is shortened. Striped:
        waiting.
      </Text>
      <div className={classes.ticks} aria-hidden>
        {ticks.slice(0, -1).map((tick) => (
          <span key={tick.at} className={classes.tick} style={{ left: `${tick.place * 100}%` }}>
            {clock.format(tick.at)}
          </span>
        ))}
      </div>
      <ol className={classes.list} aria-label="Timeline">
        {rows.map(({ run, bars }) => (
          <li key={run.index}>
            <UnstyledButton
              className={classes.timeRow}
              data-selected={run.index === selected || undefined}
              onClick={() => onSelect(run.index)}
              title={rowText(run)}
            >
              <span className={classes.lineMain}>
                {run.index + 1}. {nameOf(run.node)}
              </span>
              <span className={classes.track}>
                {bars.map((bar) => (
                  <span
                    key={`${bar.kind}${bar.from}`}
                    className={classes.timeBar}
                    data-kind={bar.kind}
                    data-status={run.status}
                    style={{ left: `${bar.from * 100}%`, width: `${(bar.to - bar.from) * 100}%` }}
                  />
                ))}
              </span>
            </UnstyledButton>
          </li>
        ))}
      </ol>
      {shown < runs.length && (
        <Button size="compact-sm" variant="subtle" onClick={() => setShown(shown + SHOWN * 5)}>
          {runs.length - shown} more
        </Button>
      )}
    </>
  )
}

function rowText(run: RunState): string {
  const parts = [loopWords(run.loopPath), `began ${exactTime(run.startedAt)}`]
  if (run.endedAt) parts.push(`took ${durationText(Date.parse(run.endedAt) - Date.parse(run.startedAt))}`)
  for (const wait of run.waits) parts.push(`waited for ${waitWords(wait.kind)}`)
  if (run.retries > 0) parts.push(`${run.retries} failed attempts`)
  return parts.filter(Boolean).join(', ')
}
