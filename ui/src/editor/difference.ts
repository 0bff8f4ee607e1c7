/** What two texts differ in, line by line. */

export interface DiffLine {
  kind: 'same' | 'gone' | 'new'
  text: string
  /** Line numbers in the one and the other, from 1. */
  before: number | null
  after: number | null
}

/** How many lines each side may have before the middle is told as one block: the table of the comparison grows with their product. */
const LARGEST = 3_000

export function differenceOf(before: string, after: string): DiffLine[] {
  const [one, other] = [before.split('\n'), after.split('\n')]
  let start = 0
  while (start < one.length && start < other.length && one[start] === other[start]) start++
  let end = 0
  while (end < one.length - start && end < other.length - start && one.at(-1 - end) === other.at(-1 - end)) end++
  const head = one.slice(0, start).map((text, n): DiffLine => ({ kind: 'same', text, before: n + 1, after: n + 1 }))
  const middle = middleOf(one.slice(start, one.length - end), other.slice(start, other.length - end), start)
  const tail = one.slice(one.length - end).map(
    (text, n): DiffLine => ({
      kind: 'same',
      text,
      before: one.length - end + n + 1,
      after: other.length - end + n + 1,
    }),
  )
  return [...head, ...middle, ...tail]
}

function middleOf(one: string[], other: string[], start: number): DiffLine[] {
  const lines: DiffLine[] = []
  const gone = (n: number) => lines.push({ kind: 'gone', text: one[n] ?? '', before: start + n + 1, after: null })
  const fresh = (n: number) => lines.push({ kind: 'new', text: other[n] ?? '', before: null, after: start + n + 1 })
  if (one.length > LARGEST || other.length > LARGEST) {
    for (const n of one.keys()) gone(n)
    for (const n of other.keys()) fresh(n)
    return lines
  }
  const longest = commonLengths(one, other)
  let [i, j] = [0, 0]
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) {
      lines.push({ kind: 'same', text: one[i] ?? '', before: start + i + 1, after: start + j + 1 })
      i++
      j++
    } else if (j >= other.length || (i < one.length && (longest[i + 1]?.[j] ?? 0) >= (longest[i]?.[j + 1] ?? 0)))
      gone(i++)
    else fresh(j++)
  }
  return lines
}

/** How long the longest common part from each pair of places on is. */
function commonLengths(one: string[], other: string[]): Uint16Array[] {
  const table = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1))
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      const [row, below] = [table[i], table[i + 1]]
      if (!row || !below) continue
      row[j] = one[i] === other[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0)
    }
  }
  return table
}

/** The lines that differ, with some of those around them; null stands for what is left out. */
export function withContext(lines: DiffLine[], around = 3): (DiffLine | null)[] {
  const wanted = new Set<number>()
  lines.forEach((line, place) => {
    if (line.kind !== 'same') for (let near = place - around; near <= place + around; near++) wanted.add(near)
  })
  const shown: (DiffLine | null)[] = []
  lines.forEach((line, place) => {
    if (wanted.has(place)) shown.push(line)
    else if (shown.at(-1) !== null) shown.push(null)
  })
  return shown
}
