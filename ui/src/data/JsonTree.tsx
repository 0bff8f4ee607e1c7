import { ActionIcon, Button, Tooltip } from '@mantine/core'
import { IconChevronRight, IconCopy } from '@tabler/icons-react'
import { type DragEvent, type KeyboardEvent, memo, useMemo, useState } from 'react'
import type { Json } from '~/api/types'
import classes from './data.module.css'
import { expressionOf, openAtFirst, PAGE, type Path, rowId, rowsOf, sizeOf, type TreeRow } from './rows'

/** How much of a text is shown before it must be asked for. */
const TEXT_SHOWN = 400

export interface JsonTreeProps {
  value: Json
  label: string
  /** What a template calls this value, such as `$input`: then its parts can be dragged into templates, and their paths copied. */
  root?: string
}

/** A value as a tree, in parts: nothing is drawn that isn't open. Arrow keys walk it. */
export function JsonTree({ value, label, root }: JsonTreeProps) {
  const [open, setOpen] = useState(() => openAtFirst(value))
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map())
  const rows = useMemo(() => withoutRoot(rowsOf(value, open, shown), root), [value, open, shown, root])
  const [at, setAt] = useState(rowId([]))
  const toggle = (id: string) => setOpen((open) => toggled(open, id))
  const more = (path: Path) =>
    setShown((shown) => new Map(shown).set(rowId(path), (shown.get(rowId(path)) ?? PAGE) + PAGE * 5))
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const next = keyMove(event.key, rows, at, toggle)
    if (next === null) return
    event.preventDefault()
    setAt(next)
    document.getElementById(domId(label, next))?.scrollIntoView({ block: 'nearest' })
  }
  const active = rows.some((row) => row.id === at) ? at : (rows[0]?.id ?? rowId([]))
  return (
    <div
      className={classes.tree}
      role="tree"
      aria-label={label}
      tabIndex={0}
      onKeyDown={onKeyDown}
      aria-activedescendant={domId(label, active)}
    >
      {rows.map((row) =>
        row.kind === 'more' ? (
          <div key={row.id} role="none" className={classes.row} style={{ paddingLeft: row.depth * 14 }}>
            <Button size="compact-xs" variant="subtle" onClick={() => more(row.path)} tabIndex={-1}>
              {row.left} more
            </Button>
          </div>
        ) : (
          <ValueRow
            key={row.id}
            row={row}
            id={domId(label, row.id)}
            active={row.id === active}
            root={root}
            onToggle={toggle}
            onPick={setAt}
          />
        ),
      )}
    </div>
  )
}

/** A container that has no name needs no line of its own. */
function withoutRoot(rows: TreeRow[], root: string | undefined): TreeRow[] {
  const first = rows[0]
  if (first?.kind !== 'value' || first.size <= 0) return rows
  if (root !== undefined) return [{ ...first, name: root }, ...rows.slice(1)]
  return rows.slice(1).map((row) => ({ ...row, depth: row.depth - 1 }))
}

const domId = (label: string, id: string) => `tree-${label}-${id}`.replace(/[^A-Za-z0-9_-]/g, '_')

function toggled(open: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(open)
  if (!next.delete(id)) next.add(id)
  return next
}

/** Where a key leads; null if it means nothing here. */
function keyMove(key: string, rows: TreeRow[], at: string, toggle: (id: string) => void): string | null {
  const values = rows.filter((row) => row.kind === 'value')
  const place = Math.max(
    0,
    values.findIndex((row) => row.id === at),
  )
  const row = values[place]
  if (!row) return null
  if (key === 'ArrowDown') return values[place + 1]?.id ?? at
  if (key === 'ArrowUp') return values[place - 1]?.id ?? at
  if (key === 'Home') return values[0]?.id ?? at
  if (key === 'End') return values.at(-1)?.id ?? at
  if (key === 'Enter' || key === ' ' || (key === 'ArrowRight' && !row.open) || (key === 'ArrowLeft' && row.open)) {
    if (row.size > 0) toggle(row.id)
    return at
  }
  if (key === 'ArrowLeft') return rowId(row.path.slice(0, -1))
  return key === 'ArrowRight' ? (values[place + 1]?.id ?? at) : null
}

interface ValueRowProps {
  row: Extract<TreeRow, { kind: 'value' }>
  id: string
  active: boolean
  root?: string
  onToggle: (id: string) => void
  onPick: (id: string) => void
}

const ValueRow = memo(function ValueRow({ row, id, active, root, onToggle, onPick }: ValueRowProps) {
  const expression = root && expressionOf(root, row.path)
  const drag = (event: DragEvent) => {
    event.dataTransfer.setData('text/plain', `{{ ${expression} }}`)
    event.dataTransfer.setData('application/x-prana-expression', expression ?? '')
    event.dataTransfer.effectAllowed = 'copy'
  }
  const press = () => {
    onPick(row.id)
    if (row.size > 0) onToggle(row.id)
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys
    <div
      id={id}
      role="treeitem"
      tabIndex={-1}
      aria-level={row.depth + 1}
      aria-expanded={row.size > 0 ? row.open : undefined}
      aria-selected={active}
      className={classes.row}
      data-active={active || undefined}
      style={{ paddingLeft: row.depth * 14 }}
      draggable={expression !== undefined}
      onDragStart={expression ? drag : undefined}
      onClick={press}
    >
      <IconChevronRight
        size={12}
        className={classes.chevron}
        data-open={row.open || undefined}
        data-leaf={row.size <= 0 || undefined}
        aria-hidden
      />
      {row.name !== null && <span className={classes.name}>{row.name}</span>}
      <Shown value={row.value} open={row.open} />
      {expression && <CopyPath expression={expression} />}
    </div>
  )
})

function CopyPath({ expression }: { expression: string }) {
  return (
    <Tooltip label={`Copy {{ ${expression} }}`}>
      <ActionIcon
        size={16}
        className={classes.copy}
        tabIndex={-1}
        aria-label={`Copy ${expression}`}
        onClick={(event) => {
          event.stopPropagation()
          navigator.clipboard?.writeText(`{{ ${expression} }}`)
        }}
      >
        <IconCopy size={12} />
      </ActionIcon>
    </Tooltip>
  )
}

/** A value on one line. */
function Shown({ value, open }: { value: Json; open: boolean }) {
  const size = sizeOf(value)
  if (size >= 0) return <span className={classes.summary}>{open ? '' : summaryOf(value, size)}</span>
  if (typeof value === 'string') return <ShownText text={value} />
  const kind = value === null ? 'null' : typeof value === 'bigint' ? 'number' : typeof value
  return <span className={classes[kind]}>{String(value)}</span>
}

const summaryOf = (value: Json, size: number) =>
  Array.isArray(value)
    ? size === 0
      ? '[]'
      : `[${size}]`
    : size === 0
      ? '{}'
      : `{${Object.keys(value as object)
          .slice(0, 4)
          .join(', ')}${size > 4 ? ', …' : ''}}`

function ShownText({ text }: { text: string }) {
  const [whole, setWhole] = useState(false)
  const cut = !whole && text.length > TEXT_SHOWN
  return (
    <span className={classes.string}>
      "{cut ? text.slice(0, TEXT_SHOWN) : text}"
      {cut && (
        <Button
          size="compact-xs"
          variant="subtle"
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation()
            setWhole(true)
          }}
        >
          {text.length - TEXT_SHOWN} more characters
        </Button>
      )}
    </span>
  )
}
