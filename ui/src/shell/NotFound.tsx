import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useTitle } from '~/parts/Page'
import { Empty } from '~/parts/states'

export function NotFound() {
  useTitle('Not found')
  return (
    <Empty
      title="There is nothing here"
      action={
        <Button component={Link} to="/">
          To the dashboard
        </Button>
      }
    >
      The address may be misspelt, or what it named is gone.
    </Empty>
  )
}
