/** What the HTTP API sends and takes. */

/** A whole number beyond 2^53 is a `bigint`. */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json }
export type JsonMap = { [key: string]: Json }

export type ExecutionStatus = 'pending' | 'running' | 'suspended' | 'completed' | 'failed' | 'cancelled' | 'timeout'
export type NodeStatus = 'running' | 'completed' | 'failed' | 'suspended' | 'skipped'

export interface WorkflowRow {
  id: string
  name?: string | null
  description?: string | null
  latest: number
  active: number | null
  updated_at: string
}

/** A connection's end, as the document stores it. */
export interface Target {
  to: string
  to_port?: string
}

export interface NodeDocument {
  key: string
  name?: string
  type: string
  params?: JsonMap
  settings?: JsonMap
  position?: { x: number; y: number }
  notes?: string
  disabled?: boolean
  pinned?: Json
}

export type Connections = { [from: string]: { [port: string]: Target[] } }

export interface WorkflowDocument {
  id: string
  name?: string
  description?: string
  version?: number
  variables?: JsonMap
  settings?: JsonMap
  nodes: NodeDocument[]
  connections?: Connections
}

export interface StoredWorkflow {
  id: string
  version: number
  created_at: string
  workflow: WorkflowDocument
}

export interface VersionRow {
  version: number
  created_at: string
}

export type PathItem = string | number

export interface Finding {
  severity: 'error' | 'warning' | 'hint'
  code: string
  message: string
  help?: string
  node?: string
  path?: PathItem[]
  location?: { line: number; column: number; start: number; end: number }
}

export interface Saved {
  id: string
  version: number
  is_new: boolean
  findings: Finding[]
}

export interface Activated {
  id: string
  active: number | null
  findings?: Finding[]
}

export interface Ports {
  inputs: { name: string; required: boolean }[]
  outputs: string[]
  any_output: boolean
}

/** What a node can run. */
export interface Action {
  type: string
  aliases: string[]
  title: string
  description: string
  kind: 'trigger' | 'action' | 'logic' | 'wait' | 'output'
  effect: 'pure' | 'effect'
  ports: Ports
  default_port: string | null
  literal_params: string[]
  item_params: string[]
  params_schema: JsonSchema
}

/** As much of JSON Schema as the parameters of actions use. */
export interface JsonSchema {
  type?: string | string[]
  title?: string
  description?: string
  default?: Json
  const?: Json
  enum?: Json[]
  format?: string
  minimum?: number
  maximum?: number
  properties?: { [name: string]: JsonSchema | boolean }
  required?: string[]
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema | boolean
  oneOf?: (JsonSchema | boolean)[]
  anyOf?: (JsonSchema | boolean)[]
  $ref?: string
  $defs?: { [name: string]: JsonSchema }
}

export interface ErrorValue {
  code: string
  message: string
  details?: Json
}

export interface ExecutionRow {
  id: string
  workflow_id: string
  workflow_version: number
  status: ExecutionStatus
  created_at: string
  completed_at: string | null
  parent_execution_id: string | null
  root_execution_id: string
  wakes_at: string | null
}

export interface Execution {
  id: string
  workflow_id: string
  workflow_version: number
  status: ExecutionStatus
  started_at: string | null
  completed_at: string | null
  parent_execution_id: string | null
  root_execution_id: string
  execution_mode: string
  trigger_type: string
  trigger_data: Json
  current_execution_index: number
  metadata: JsonMap
}

export interface Suspension {
  type: 'webhook' | 'interval' | 'schedule' | 'sub_workflow' | 'retry' | 'decision'
  wait_till?: string | null
  sub_workflow_id?: string
  execution_mode?: string
}

export interface Wait {
  node_key: string
  execution_index: number
  suspension: Suspension | null
}

export interface ExecutionDetail {
  execution: Execution
  output: Json
  error: ErrorValue | null
  waits: Wait[]
  node_execution_count: number
  trail_kept: boolean
}

export interface Attempt {
  at: string
  error: ErrorValue
}

/** One run of a node. The payloads are there only if they were asked for. */
export interface NodeExecution {
  node_key: string
  execution_index: number
  run_index: number
  status: NodeStatus
  started_at: string
  completed_at?: string | null
  input_from: { [port: string]: number[] }
  output_port?: string | null
  error?: ErrorValue | null
  suspension?: Suspension | null
  resumed?: { at: string; by?: string | null; data: Json } | null
  attempts: Attempt[]
  loop_path: string
  params?: Json
  output?: Json
  state_updates?: Json
  context_updates?: Json
}

export type Payload = 'params' | 'output' | 'state_updates' | 'context_updates'

export type EventKind =
  | 'execution_started'
  | 'execution_resumed'
  | 'execution_suspended'
  | 'execution_completed'
  | 'execution_failed'
  | 'execution_cancelled'
  | 'node_starting'
  | 'node_completed'
  | 'node_failed'
  | 'node_retrying'
  | 'node_suspended'
  | 'node_skipped'

/** What happened, without payloads. */
export interface LiveEvent {
  kind: EventKind
  number: number
  at: string
  execution_id: string
  workflow_id: string
  workflow_version: number
  execution_index?: number
  node_key?: string
  run_index?: number
  loop_path?: string
  port?: string | null
  error?: { code: string; message: string }
  waits_for?: string
  wait_till?: string | null
  reason?: string
}

/** A run whose data a preview sees: that of a node, or else what a node after the last would see. */
export interface PreviewRun {
  execution_id: string
  index?: number
  node?: string
}

/** The data of names in a preview. */
export interface PreviewScope {
  input?: Json
  trigger?: Json
  nodes?: Json
  vars?: Json
  env?: Json
  execution?: Json
  item?: Json
  index?: Json
}

export interface TemplateError {
  code: string
  message: string
  help?: string | null
  start: number
  end: number
}

export interface StartRequest {
  workflow_id: string
  /** The last node to run: nodes that don't lead to it are left out. */
  until?: string
  input?: Json
  trigger?: string
  variables?: JsonMap
  version?: number
  test_run?: boolean
}

export interface ForkRequest {
  index?: number
  version?: number
  input?: Json
}
