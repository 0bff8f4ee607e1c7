import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from '@tanstack/react-router'
import { Failure, Loading } from '~/parts/states'
import { NotFound } from '~/shell/NotFound'
import { Shell } from '~/shell/Shell'

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound })

/** Pages inside the frame with the navigation. */
const framed = createRoute({ getParentRoute: () => root, id: 'framed', component: Shell })

const page = <const Path extends string>(path: Path, load: () => Promise<{ default: React.ComponentType }>) =>
  createRoute({ getParentRoute: () => framed, path, component: lazyRouteComponent(load) })

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  component: lazyRouteComponent(() => import('~/pages/Login')),
  validateSearch: (search): { next?: string } => (typeof search.next === 'string' ? { next: search.next } : {}),
})

const text = (value: unknown) => (value === undefined || value === null ? undefined : String(value))

/** What a list of executions is narrowed to; in the address, so that it can be shared. */
export interface ExecutionsSearch {
  status?: string
  workflow?: string
  from?: string
  to?: string
  text?: string
}

const executions = createRoute({
  getParentRoute: () => framed,
  path: '/executions',
  component: lazyRouteComponent(() => import('~/pages/executions/Executions')),
  validateSearch: (search): ExecutionsSearch => ({
    status: text(search.status),
    workflow: text(search.workflow),
    from: text(search.from),
    to: text(search.to),
    text: text(search.text),
  }),
})

/** What is looked at in an execution: a node run, a step of the replay, another execution beside it. */
export interface ExecutionSearch {
  run?: number
  step?: number
  tab?: string
  compare?: string
}

const whole = (value: unknown) => (Number.isInteger(Number(value)) && value !== undefined ? Number(value) : undefined)

const execution = createRoute({
  getParentRoute: () => framed,
  path: '/executions/$id',
  component: lazyRouteComponent(() => import('~/pages/executions/Execution')),
  validateSearch: (search): ExecutionSearch => ({
    run: whole(search.run),
    step: whole(search.step),
    tab: text(search.tab),
    compare: text(search.compare),
  }),
})

/** What is open in the editor: a node, the data of an execution. */
export interface EditorSearch {
  node?: string
  execution?: string
  example?: string
}

const editorSearch = (search: Record<string, unknown>): EditorSearch => ({
  node: text(search.node),
  execution: text(search.execution),
  example: text(search.example),
})

const editor = createRoute({
  getParentRoute: () => framed,
  path: '/workflows/$id',
  component: lazyRouteComponent(() => import('~/pages/workflows/Editor')),
  validateSearch: editorSearch,
})

const newWorkflow = createRoute({
  getParentRoute: () => framed,
  path: '/new',
  component: lazyRouteComponent(() => import('~/pages/workflows/New')),
  validateSearch: editorSearch,
})

const versions = createRoute({
  getParentRoute: () => framed,
  path: '/workflows/$id/versions',
  component: lazyRouteComponent(() => import('~/pages/workflows/Versions')),
  validateSearch: (search): { from?: number; to?: number } => ({ from: whole(search.from), to: whole(search.to) }),
})

const tree = root.addChildren([
  login,
  framed.addChildren([
    page('/', () => import('~/pages/Dashboard')),
    page('/workflows', () => import('~/pages/workflows/Workflows')),
    page('/schedules', () => import('~/pages/Schedules')),
    page('/secrets', () => import('~/pages/Secrets')),
    page('/credentials', () => import('~/pages/Credentials')),
    page('/connectors', () => import('~/pages/Connectors')),
    page('/tokens', () => import('~/pages/Tokens')),
    page('/changes', () => import('~/pages/Changes')),
    newWorkflow,
    editor,
    versions,
    executions,
    execution,
  ]),
])

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} again={reset} title="This page failed" />,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
