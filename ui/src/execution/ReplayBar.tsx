import { ActionIcon, Group, Slider, Tooltip } from '@mantine/core'
import {
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerSkipBack,
  IconPlayerSkipForward,
  IconPlayerTrackNext,
  IconPlayerTrackPrev,
} from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import classes from './execution.module.css'
import type { Step } from './replay'
import { loopWords, stepWords } from './words'

/** How long a step stays while it plays, in milliseconds. */
const STEP_MS = 700

interface ReplayBarProps {
  steps: Step[]
  /** How many steps are shown: all of them follows what happens now. */
  at: number
  following: boolean
  onMove: (at: number | null) => void
  nameOf: (node: string) => string
}

/** Walks an execution step by step, in the order in which it happened. Arrow keys on the slider do too. */
export function ReplayBar({ steps, at, following, onMove, nameOf }: ReplayBarProps) {
  const [playing, setPlaying] = usePlaying(steps.length, at, onMove)
  const step = steps[at - 1]
  const go = (to: number) => {
    setPlaying(false)
    onMove(Math.min(Math.max(to, 0), steps.length))
  }
  const play = () => {
    if (!playing && at >= steps.length) onMove(0)
    setPlaying(!playing)
  }
  return (
    <section className={classes.bar} aria-label="Replay">
      <Group gap={2} wrap="nowrap">
        <Control label="To the beginning" icon={IconPlayerSkipBack} onClick={() => go(0)} />
        <Control label="One step back" icon={IconPlayerTrackPrev} onClick={() => go(at - 1)} />
        <Control label={playing ? 'Pause' : 'Play'} icon={playing ? IconPlayerPause : IconPlayerPlay} onClick={play} />
        <Control label="One step on" icon={IconPlayerTrackNext} onClick={() => go(at + 1)} />
        <Control label="To the end" icon={IconPlayerSkipForward} onClick={() => onMove(null)} />
      </Group>
      <Slider
        className={classes.slider}
        min={0}
        max={Math.max(steps.length, 1)}
        value={at}
        onChange={go}
        label={null}
        size="sm"
        thumbLabel="Step of the execution"
        thumbProps={{ 'aria-valuetext': `step ${at} of ${steps.length}` }}
      />
      <span className={classes.stepText} aria-live="polite">
        <b>
          {at}/{steps.length}
        </b>{' '}
        {step ? sentence(step, nameOf) : following ? 'Nothing has happened yet' : 'Before the first step'}
      </span>
    </section>
  )
}

function sentence(step: Step, nameOf: (node: string) => string): string {
  if (!step.node) return stepWords(step)
  const where = step.loopPath ? ` (${loopWords(step.loopPath)})` : ''
  return `${nameOf(step.node)} ${stepWords(step)}${where}`
}

function Control({ label, icon: Mark, onClick }: { label: string; icon: typeof IconPlayerPlay; onClick: () => void }) {
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} onClick={onClick}>
        <Mark size={17} />
      </ActionIcon>
    </Tooltip>
  )
}

function usePlaying(count: number, at: number, onMove: (at: number) => void): [boolean, (playing: boolean) => void] {
  const [playing, setPlaying] = useState(false)
  const now = useRef({ count, at, onMove })
  now.current = { count, at, onMove }
  useEffect(() => {
    if (!playing) return
    const timer = setInterval(() => {
      const { count, at, onMove } = now.current
      if (at >= count) setPlaying(false)
      else onMove(at + 1)
    }, STEP_MS)
    return () => clearInterval(timer)
  }, [playing])
  return [playing, setPlaying]
}
