import type { Status } from '~/parts/status'

/** What is known about a node beyond the document: of an execution, of the validator. */
export interface NodeMark {
  status?: Status
  /** How often it ran. */
  runs?: number
  /** When it ran, in the order of execution: "3" or "3, 7, 11". */
  order?: string
  errors?: number
  warnings?: number
  /** Its last output is older than its parameters. */
  stale?: boolean
  /** Stands out: the step that a replay is at. */
  current?: boolean
  /** Did not take part. */
  dimmed?: boolean
  /** One more line: what it waits for, what just passed it. */
  note?: string
}

/** What is known about a connection. */
export interface LinkMark {
  /** How often something passed it; 0 for a way that was not taken. */
  passed?: number
  /** The way to the current step. */
  current?: boolean
  dimmed?: boolean
  /** What passed last, in a few words. */
  note?: string
}

export type NodeMarks = Map<string, NodeMark>
/** By the id of the connection: `linkId(from, port, to, toPort)`. */
export type LinkMarks = Map<string, LinkMark>
