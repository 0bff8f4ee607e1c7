import { Fragment } from 'react'
import classes from './prose.module.css'

/** Text of one paragraph in which `code` stands between backticks. */
export function Prose({ children }: { children: string }) {
  return children.split(/(`[^`]+`)/).map((piece, place) =>
    piece.startsWith('`') && piece.length > 2 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a fixed text
      <code key={place} className={classes.code}>
        {piece.slice(1, -1)}
      </code>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of a fixed text
      <Fragment key={place}>{piece}</Fragment>
    ),
  )
}
