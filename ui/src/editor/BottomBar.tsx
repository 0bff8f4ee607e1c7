import { Button, Collapse, Group, Text, UnstyledButton } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Finding } from '~/api/types'
import { Prose } from '~/parts/Prose'
import { StatusBadge } from '~/parts/status'
import { Time } from '~/parts/time'
import classes from './editor.module.css'
import { LiveTap } from './LiveTap'
import { useEditor } from './store'
import type { Run } from './useRun'

type Tab = 'problems' | 'tap' | null

/** The bottom line: what is to be mended, and how the last run went; both open upwards. */
export function BottomBar({
  run,
  onShow,
  onOpen,
}: {
  run: Run | null
  onShow: (key: string) => void
  onOpen: (key: string) => void
}) {
  const findings = useEditor((state) => state.findings)
  const [tab, setTab] = useState<Tab>(null)
  const toggle = (next: Tab) => setTab(tab === next ? null : next)
  return (
    <div className={classes.bottom}>
      <Collapse expanded={tab !== null} transitionDuration={0}>
        <div className={classes.bottomBody}>
          {tab === 'problems' && <Problems findings={findings} onShow={onShow} />}
          {tab === 'tap' && <LiveTap run={run} onOpen={onOpen} />}
        </div>
      </Collapse>
      <Group gap="md" px="md" className={classes.bottomLine} wrap="nowrap">
        <ProblemCount findings={findings} isOpen={tab === 'problems'} onClick={() => toggle('problems')} />
        {run && (
          <Button
            size="compact-xs"
            variant={tab === 'tap' ? 'light' : 'subtle'}
            color="gray"
            aria-expanded={tab === 'tap'}
            onClick={() => toggle('tap')}
          >
            What passed
          </Button>
        )}
        {run?.detail && (
          <Group gap={8} ml="auto" wrap="nowrap">
            <Text size="xs" c="dimmed" visibleFrom="md" truncate>
              Run of version {run.detail.execution.workflow_version}, <Time at={run.detail.execution.started_at} />
            </Text>
            <StatusBadge status={run.detail.execution.status} size="sm" />
            <Button
              size="compact-xs"
              variant="subtle"
              visibleFrom="sm"
              renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: run.id }} />}
            >
              Open the execution
            </Button>
          </Group>
        )}
      </Group>
    </div>
  )
}

function ProblemCount({ findings, isOpen, onClick }: { findings: Finding[]; isOpen: boolean; onClick: () => void }) {
  const errors = findings.filter((one) => one.severity === 'error').length
  const others = findings.length - errors
  if (findings.length === 0) {
    return (
      <Group gap={6} wrap="nowrap" c="dimmed">
        <IconCircleCheck size={15} aria-hidden />
        <Text size="xs" truncate>
          Nothing to mend
        </Text>
      </Group>
    )
  }
  const text = [errors > 0 ? `${errors} to mend` : '', others > 0 ? `${others} to look at` : '']
    .filter(Boolean)
    .join(', ')
  return (
    <Button
      size="compact-xs"
      variant={isOpen ? 'light' : 'subtle'}
      color={errors > 0 ? 'red' : 'yellow'}
      className={errors > 0 ? classes.wrongButton : classes.warnedButton}
      leftSection={<IconAlertTriangle size={14} />}
      aria-expanded={isOpen}
      onClick={onClick}
    >
      {text}
    </Button>
  )
}

function Problems({ findings, onShow }: { findings: Finding[]; onShow: (key: string) => void }) {
  if (findings.length === 0) return <Text size="sm">Nothing to mend.</Text>
  return (
    <ul className={classes.problems}>
      {findings.map((finding) => (
        <li key={`${finding.code} ${finding.node} ${finding.path?.join('.')} ${finding.message}`}>
          <UnstyledButton
            className={classes.problem}
            disabled={!finding.node}
            onClick={() => finding.node && onShow(finding.node)}
          >
            {finding.severity === 'hint' ? (
              <IconInfoCircle size={15} aria-label="To know" />
            ) : (
              <IconAlertTriangle
                size={15}
                className={finding.severity === 'error' ? classes.wrong : classes.warned}
                aria-label={finding.severity}
              />
            )}
            <Text size="sm" component="span">
              {finding.node && <strong>{finding.node}: </strong>}
              <Prose>{finding.message}</Prose>
              {finding.help && (
                <Text span c="dimmed" size="sm">
                  {' '}
                  <Prose>{finding.help}</Prose>
                </Text>
              )}
            </Text>
          </UnstyledButton>
        </li>
      ))}
    </ul>
  )
}
