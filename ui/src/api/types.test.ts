import { expectTypeOf, test } from 'vitest'
import type * as access from './access'
import type * as credentials from './credentials'
import type * as dashboard from './dashboard'
import type * as schedules from './schedules'
import type { components } from './schema'
import type * as secrets from './secrets'
import type * as session from './session'
import type * as types from './types'

type Schemas = components['schemas']

// Checked by the compiler: what the API says of itself, and what this UI takes it for.
test('the types are those of the API', () => {
  expectTypeOf<Schemas['WorkflowSummary']>().toExtend<types.WorkflowRow>()
  expectTypeOf<Schemas['VersionSummary']>().toExtend<types.VersionRow>()
  expectTypeOf<Schemas['WorkflowSaved']['version']>().toEqualTypeOf<types.Saved['version']>()
  expectTypeOf<Schemas['Finding']['severity']>().toEqualTypeOf<types.Finding['severity']>()
  expectTypeOf<Schemas['Finding']['message']>().toEqualTypeOf<types.Finding['message']>()
  expectTypeOf<Schemas['ActionKind']>().toEqualTypeOf<types.Action['kind']>()
  expectTypeOf<Schemas['Ports']['outputs']>().toEqualTypeOf<types.Ports['outputs']>()
  expectTypeOf<Schemas['ExecutionStatus']>().toEqualTypeOf<types.ExecutionStatus>()
  expectTypeOf<Schemas['NodeStatus']>().toEqualTypeOf<types.NodeStatus>()
  expectTypeOf<keyof types.ExecutionRow>().toExtend<keyof Schemas['ExecutionSummary']>()
  expectTypeOf<keyof types.Execution>().toExtend<keyof Schemas['Execution']>()
  expectTypeOf<keyof types.NodeExecution>().toExtend<keyof Schemas['NodeExecution']>()
  expectTypeOf<keyof types.ExecutionDetail>().toExtend<keyof Schemas['ExecutionShown']>()
  expectTypeOf<keyof types.Action>().toExtend<keyof Schemas['Action']>()
  expectTypeOf<keyof types.LiveEvent>().toExtend<keyof Schemas['Event']>()
  expectTypeOf<keyof types.StartRequest>().toExtend<keyof Schemas['Start']>()
  expectTypeOf<keyof types.ForkRequest>().toExtend<keyof Schemas['Fork']>()
  expectTypeOf<keyof types.PreviewScope>().toExtend<keyof Schemas['PreviewScope']>()
  expectTypeOf<keyof types.PreviewRun>().toExtend<keyof Schemas['PreviewRun']>()
  expectTypeOf<keyof secrets.Secret>().toExtend<keyof Schemas['SecretShown']>()
  expectTypeOf<keyof secrets.PutSecret>().toExtend<keyof Schemas['PutSecret']>()
  expectTypeOf<keyof credentials.Credential>().toExtend<keyof Schemas['CredentialShown']>()
  expectTypeOf<credentials.CredentialType>().toEqualTypeOf<Schemas['CredentialGiven']['type']>()
  expectTypeOf<keyof credentials.PutCredential>().toExtend<keyof Schemas['PutCredential']>()
  expectTypeOf<keyof credentials.Tested>().toExtend<keyof Schemas['TestShown']>()
  expectTypeOf<keyof credentials.Authorization>().toExtend<keyof Schemas['AuthorizationShown']>()
  expectTypeOf<keyof dashboard.Process>().toExtend<keyof Schemas['Process']>()
  expectTypeOf<keyof dashboard.NextStart>().toExtend<keyof Schemas['NextStart']>()
  expectTypeOf<keyof dashboard.DashboardNumbers>().toExtend<keyof Schemas['Dashboard']>()
  expectTypeOf<keyof dashboard.Stretch>().toExtend<keyof Schemas['Stretch']>()
  expectTypeOf<keyof schedules.Schedule>().toExtend<keyof Schemas['ScheduleShown']>()
  expectTypeOf<keyof session.Session>().toExtend<keyof Schemas['Session']>()
  expectTypeOf<session.Scope>().toEqualTypeOf<Schemas['Scope']>()
  expectTypeOf<keyof access.Token>().toExtend<keyof Schemas['Token']>()
  expectTypeOf<keyof access.User>().toExtend<keyof Schemas['User']>()
})
