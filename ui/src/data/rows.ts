import type { Json } from '~/api/types'

export type Path = (string | number)[]

/** A line of a tree: a value, or that a container has more than is shown. */
export type TreeRow =
  | {
      kind: 'value'
      id: string
      path: Path
      depth: number
      name: string | number | null
      value: Json
      open: boolean
      size: number
    }
  | { kind: 'more'; id: string; path: Path; depth: number; left: number }

/** How many entries of a container are shown at first, and how many more each time. */
export const PAGE = 100

export const rowId = (path: Path) => JSON.stringify(path)

/** How many entries a container has; -1 for what is none. */
export function sizeOf(value: Json): number {
  if (Array.isArray(value)) return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : -1
}

/** The lines that are to be seen: what is open, and of each container as many entries as were asked for. Takes time for those alone. */
export function rowsOf(value: Json, open: ReadonlySet<string>, shown: ReadonlyMap<string, number>): TreeRow[] {
  const rows: TreeRow[] = []
  addRows(rows, value, [], null, { open, shown })
  return rows
}

interface View {
  open: ReadonlySet<string>
  shown: ReadonlyMap<string, number>
}

function addRows(rows: TreeRow[], value: Json, path: Path, name: string | number | null, view: View): void {
  const id = rowId(path)
  const size = sizeOf(value)
  const open = size > 0 && view.open.has(id)
  rows.push({ kind: 'value', id, path, depth: path.length, name, value, open, size })
  if (!open) return
  const count = Math.min(size, view.shown.get(id) ?? PAGE)
  for (const [key, child] of firstEntries(value, count)) addRows(rows, child, [...path, key], key, view)
  if (count < size) rows.push({ kind: 'more', id: `${id}+`, path, depth: path.length + 1, left: size - count })
}

function firstEntries(value: Json, count: number): [string | number, Json][] {
  if (Array.isArray(value)) return value.slice(0, count).map((child, place) => [place, child])
  return Object.entries(value as { [key: string]: Json }).slice(0, count)
}

/** The containers that are open at first: the root, and below it what is small, as far as about thirty lines go. */
export function openAtFirst(value: Json): Set<string> {
  const open = new Set<string>()
  let lines = 30
  const queue: [Path, Json][] = [[[], value]]
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [path, value] = next
    const size = sizeOf(value)
    if (size <= 0 || (path.length > 0 && size > lines)) continue
    open.add(rowId(path))
    lines -= size
    queue.push(
      ...firstEntries(value, Math.min(size, PAGE)).map(([key, child]): [Path, Json] => [[...path, key], child]),
    )
  }
  return open
}

const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/

/** A path as a template writes it below a name: `$input`, `orders`, 0, `first name` gives `$input.orders[0]["first name"]`. */
export function expressionOf(root: string, path: Path): string {
  const step = (item: string | number) =>
    typeof item === 'number' ? `[${item}]` : PLAIN.test(item) ? `.${item}` : `[${JSON.stringify(item)}]`
  return root + path.map(step).join('')
}

/** A list of maps as a table: the columns that its first rows have; null if it is no such list. */
export function columnsOf(value: Json, rows = 50): string[] | null {
  if (!Array.isArray(value) || value.length === 0) return null
  const columns = new Set<string>()
  for (const row of value.slice(0, rows)) {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) return null
    for (const key of Object.keys(row)) columns.add(key)
  }
  return [...columns].slice(0, 40)
}
