import { Group, Text } from '@mantine/core'
import type { Stretch } from '~/api/dashboard'
import classes from './dashboard.module.css'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

const KINDS = ['completed', 'failed', 'cancelled'] as const
const LABELS = { completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' }

/** How many executions ended in each stretch of time, and how. The same numbers stand in a table for those who can't see it. */
export function Throughput({ stretches, minutes }: { stretches: Stretch[]; minutes: number }) {
  const most = Math.max(1, ...stretches.map(endedOf))
  const every = Math.ceil(stretches.length / 8)
  return (
    <>
      <div className={classes.chart} aria-hidden>
        {stretches.map((stretch, place) => (
          <div key={stretch.at} className={classes.column} title={textOf(stretch, minutes)}>
            <div className={classes.bars}>
              {KINDS.map((kind) => (
                <span
                  key={kind}
                  className={classes.bar}
                  data-kind={kind}
                  style={{ height: `${(stretch[kind] / most) * 100}%` }}
                />
              ))}
            </div>
            <span className={classes.label}>{place % every === 0 ? clock.format(Date.parse(stretch.at)) : ''}</span>
          </div>
        ))}
      </div>
      <Group gap="md" mt={6} aria-hidden>
        {KINDS.map((kind) => (
          <Text key={kind} size="xs" c="dimmed">
            <span className={classes.key} data-kind={kind} /> {LABELS[kind]}
          </Text>
        ))}
        <Text size="xs" c="dimmed">
          most in {minutes} minutes: {most}
        </Text>
      </Group>
      <table className={classes.hidden}>
        <caption>Executions that ended, every {minutes} minutes</caption>
        <tbody>
          {stretches
            .filter((stretch) => endedOf(stretch) > 0)
            .map((stretch) => (
              <tr key={stretch.at}>
                <th scope="row">{clock.format(Date.parse(stretch.at))}</th>
                <td>{textOf(stretch, minutes)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </>
  )
}

const endedOf = (stretch: Stretch) => stretch.completed + stretch.failed + stretch.cancelled

const textOf = (stretch: Stretch, minutes: number) =>
  `${minutes} minutes from ${clock.format(Date.parse(stretch.at))}: ${stretch.completed} completed, ${stretch.failed} failed, ${stretch.cancelled} cancelled`
