import {
  ActionIcon,
  AppShell,
  Box,
  Burger,
  Group,
  ScrollArea,
  Stack,
  Text,
  Tooltip,
  UnstyledButton,
} from '@mantine/core'
import { useDisclosure, useLocalStorage } from '@mantine/hooks'
import {
  type Icon,
  IconActivity,
  IconApi,
  IconCalendarClock,
  IconHistory,
  IconId,
  IconKey,
  IconLayoutDashboard,
  IconLayoutSidebarLeftCollapse,
  IconLayoutSidebarLeftExpand,
  IconLock,
  IconPlug,
  IconSchema,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { useEffect } from 'react'
import { whenSignedOut } from '~/api/client'
import { session } from '~/api/session'
import { Loading } from '~/parts/states'
import { Account } from './Account'
import { ColorScheme } from './ColorScheme'
import { Logo } from './Logo'
import classes from './shell.module.css'

interface Place {
  to: string
  label: string
  icon: Icon
}

const PLACES: Place[] = [
  { to: '/', label: 'Dashboard', icon: IconLayoutDashboard },
  { to: '/workflows', label: 'Workflows', icon: IconSchema },
  { to: '/executions', label: 'Executions', icon: IconActivity },
  { to: '/schedules', label: 'Schedules', icon: IconCalendarClock },
]

const SETTINGS: Place[] = [
  { to: '/secrets', label: 'Secrets', icon: IconLock },
  { to: '/credentials', label: 'Credentials', icon: IconId },
  { to: '/connectors', label: 'Connectors', icon: IconPlug },
  { to: '/tokens', label: 'Tokens', icon: IconKey },
  { to: '/changes', label: 'Change log', icon: IconHistory },
]

function NavigationLink({ place, small, onNavigate }: { place: Place; small: boolean; onNavigate: () => void }) {
  const Mark = place.icon
  const link = (
    <UnstyledButton
      renderRoot={(props) => (
        <Link {...props} to={place.to} activeOptions={{ exact: place.to === '/' }} onClick={onNavigate} />
      )}
      className={`nav-link ${classes.link}`}
      data-small={small || undefined}
      aria-label={small ? place.label : undefined}
    >
      <Mark size={18} stroke={1.7} aria-hidden />
      {!small && <span>{place.label}</span>}
    </UnstyledButton>
  )
  return small ? (
    <Tooltip label={place.label} position="right">
      {link}
    </Tooltip>
  ) : (
    link
  )
}

/** The frame around every page: navigation, light and dark, who is signed in. */
export function Shell() {
  const [open, { toggle, close }] = useDisclosure(false)
  const [small, setSmall] = useLocalStorage({
    key: 'prana.navigation.small',
    // Until somebody chooses, the page has the room where there is little.
    defaultValue: window.matchMedia('(max-width: 68em)').matches,
    getInitialValueInEffect: false,
  })
  const who = useQuery(session.current())
  const navigate = useNavigate()
  const path = useRouterState({ select: (state) => state.location.href })
  const isOut = who.data?.authenticated === false
  useEffect(() => {
    const toLogin = () => navigate({ to: '/login', search: { next: path }, replace: true })
    whenSignedOut(() => who.refetch())
    // While the page to sign in is on its way, this one is still there.
    if (isOut && !path.startsWith('/login')) toLogin()
  }, [isOut, path, navigate, who.refetch])
  if (who.isPending || isOut) return <Loading />
  const links = (places: Place[]) =>
    places.map((place) => <NavigationLink key={place.to} place={place} small={small && !open} onNavigate={close} />)
  return (
    <AppShell
      header={{ height: 48, offset: true }}
      navbar={{ width: small ? 60 : 208, breakpoint: 'sm', collapsed: { mobile: !open } }}
      classNames={{ header: classes.header, navbar: classes.navbar, main: classes.main }}
      transitionDuration={0}
    >
      <AppShell.Header>
        <a className="skip-link" href="#main">
          Skip to the content
        </a>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
            <Link to="/" className={classes.brand} aria-label="Prana, to the dashboard">
              <Logo />
              <Text fw={650} size="md" component="span">
                Prana
              </Text>
            </Link>
          </Group>
          <Group gap={4} wrap="nowrap">
            <Tooltip label="The API, with every route">
              <ActionIcon component="a" href="/api/docs" aria-label="API documentation">
                <IconApi size={18} />
              </ActionIcon>
            </Tooltip>
            <ColorScheme />
            {who.data && <Account session={who.data} />}
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label="Main" p="xs">
        <AppShell.Section grow component={ScrollArea}>
          <Stack gap={2}>{links(PLACES)}</Stack>
          <Box className={classes.divider} />
          <Stack gap={2}>{links(SETTINGS)}</Stack>
        </AppShell.Section>
        <AppShell.Section visibleFrom="sm">
          <ActionIcon
            onClick={() => setSmall(!small)}
            aria-label={small ? 'Widen the navigation' : 'Narrow the navigation'}
            size="lg"
          >
            {small ? <IconLayoutSidebarLeftExpand size={18} /> : <IconLayoutSidebarLeftCollapse size={18} />}
          </ActionIcon>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}
