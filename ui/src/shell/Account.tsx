import { ActionIcon, Menu } from '@mantine/core'
import { IconLogout, IconUser } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { type Session, session } from '~/api/session'

/** Who is signed in, and the way out; nothing where nobody needs to sign in. */
export function Account({ session: { who } }: { session: Session }) {
  const client = useQueryClient()
  if (who?.kind !== 'user') return null
  const signOut = async () => {
    await session.signOut()
    client.clear()
    window.location.assign('/login')
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label="Account">
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{who.name}</Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
