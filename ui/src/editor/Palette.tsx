import { CloseButton, Text, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { Action } from '~/api/types'
import { iconOf } from '~/canvas/icons'
import { Prose } from '~/parts/Prose'
import { found, GROUPS } from './actionSearch'
import classes from './editor.module.css'

/** The type of what is dragged from the palette. */
export const DRAGGED_ACTION = 'application/x-prana-action'

interface PaletteProps {
  actions: Action[]
  onPick: (action: Action) => void
  onClose: () => void
  /** Where a trigger can't stand: behind a connection. */
  withoutTriggers?: boolean
  /** Triggers first: there is none yet. */
  triggersFirst?: boolean
}

/** All that a node can do, to search and to pick: by click, by Enter, by dragging onto the canvas. */
export function Palette({ actions, onPick, onClose, withoutTriggers, triggersFirst }: PaletteProps) {
  const [words, setWords] = useState('')
  const [active, setActive] = useState(0)
  const list = useRef<HTMLDivElement>(null)
  const groups = useMemo(
    () => found(actions, words, { withoutTriggers, triggersFirst }),
    [actions, words, withoutTriggers, triggersFirst],
  )
  const flat = groups.flatMap((group) => group.actions)
  const chosen = flat[Math.min(active, flat.length - 1)]
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another one is chosen
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [active])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      const step = event.key === 'ArrowDown' ? 1 : -1
      setActive((active) => Math.min(Math.max(active + step, 0), flat.length - 1))
    } else if (event.key === 'Enter' && chosen) {
      event.preventDefault()
      onPick(chosen)
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      onClose()
    }
  }
  return (
    <section className={classes.palette} aria-label="Add a node">
      <div className={classes.paletteHead}>
        <TextInput
          flex={1}
          size="sm"
          placeholder="Search what a node can do"
          aria-label="Search what a node can do"
          role="combobox"
          aria-expanded
          aria-controls="palette-list"
          aria-activedescendant={chosen ? `palette-${chosen.type}` : undefined}
          leftSection={<IconSearch size={15} />}
          value={words}
          onChange={(event) => {
            setWords(event.currentTarget.value)
            setActive(0)
          }}
          onKeyDown={onKeyDown}
          data-autofocus
          autoFocus
        />
        <CloseButton aria-label="Close the palette" onClick={onClose} />
      </div>
      <div
        ref={list}
        className={classes.paletteList}
        id="palette-list"
        role="listbox"
        aria-label="What a node can do"
        tabIndex={0}
      >
        {groups.map((group) => (
          // biome-ignore lint/a11y/useSemanticElements: groups of a listbox
          <div key={group.kind} role="group" aria-label={GROUPS[group.kind]}>
            <Text size="xs" fw={600} c="dimmed" px="sm" pt="sm" pb={4} aria-hidden>
              {GROUPS[group.kind]}
            </Text>
            {group.actions.map((action) => (
              <Entry key={action.type} action={action} isChosen={action === chosen} onPick={() => onPick(action)} />
            ))}
          </div>
        ))}
        {flat.length === 0 && (
          <Text size="sm" c="dimmed" p="md" ta="center" role="option" aria-selected={false}>
            Nothing does “{words}”. Try fewer letters.
          </Text>
        )}
      </div>
    </section>
  )
}

function Entry({ action, isChosen, onPick }: { action: Action; isChosen: boolean; onPick: () => void }) {
  const Mark = iconOf(action.type, action.kind)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
    <div
      id={`palette-${action.type}`}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      className={classes.paletteEntry}
      onClick={onPick}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAGGED_ACTION, action.type)
        event.dataTransfer.effectAllowed = 'copy'
      }}
      title={action.description}
    >
      <Mark size={18} stroke={1.7} aria-hidden />
      <div className={classes.paletteWords}>
        <span>{action.title}</span>
        <span className={classes.paletteAbout}>
          <Prose>{action.description.split(/(?<=\.)\s/)[0] ?? ''}</Prose>
        </span>
      </div>
    </div>
  )
}
