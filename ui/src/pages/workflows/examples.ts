/** The workflows of examples/workflows, as they are in the repository. */
const texts = import.meta.glob<string>(
  ['../../../../examples/workflows/*.yaml', '!../../../../examples/workflows/*.test.yaml'],
  { query: '?raw', import: 'default', eager: true },
)

export interface Example {
  id: string
  name: string
  /** The first sentences of the comment at its beginning. */
  about: string
  text: string
}

export const EXAMPLES: Example[] = Object.values(texts)
  .map(exampleOf)
  .sort((one, other) => rank(one.id) - rank(other.id) || one.id.localeCompare(other.id))

/** Those that run without files and without the network come first. */
function rank(id: string): number {
  const place = ['purchase-approval', 'invoices'].indexOf(id)
  return place < 0 ? 9 : place
}

function exampleOf(text: string): Example {
  const comment = text.match(/^(?:#.*\n)+/)?.[0].replace(/^# ?/gm, '') ?? ''
  const about =
    comment
      .split(/\n\s*\n/)[0]
      ?.replace(/\s+/g, ' ')
      .trim()
      .split(/(?<=[.?!]) /)
      // What is said of the command line is of no use here.
      .filter((sentence) => !sentence.includes(' --'))
      .join(' ') ?? ''
  const field = (name: string) => text.match(new RegExp(`^${name}: *(.+)$`, 'm'))?.[1]?.trim() ?? ''
  return { id: field('id'), name: field('name') || field('id'), about, text }
}
