import { Autocomplete } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { credentials } from '~/api/credentials'

interface CredentialFieldProps {
  value: string
  onChange: (name: string) => void
  'aria-label'?: string
  'aria-labelledby'?: string
  'aria-describedby'?: string
  error: boolean
}

/** The name of a stored credential: as it is, never a template. Who may not list them types it. */
export function CredentialField(props: CredentialFieldProps) {
  const stored = useQuery({ ...credentials.list(), retry: false })
  return (
    <Autocomplete
      {...props}
      size="sm"
      data={stored.data?.map((one) => one.name) ?? []}
      placeholder="Name of a stored credential"
      comboboxProps={{ withinPortal: true }}
    />
  )
}

/** Where the parameters of a node name a credential. */
export const isCredential = (path: (string | number)[]) => path.at(-2) === 'auth' && path.at(-1) === 'credential'
