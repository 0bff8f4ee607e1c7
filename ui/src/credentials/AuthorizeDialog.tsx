import { ActionIcon, Anchor, Button, Code, CopyButton, Group, Modal, Stack, Text } from '@mantine/core'
import { IconCheck, IconCopy, IconExternalLink } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { type Credential, credentials } from '~/api/credentials'
import { tellSuccess } from '~/api/query'

const LOOK = 'width=620,height=760'
const AGAIN_MS = 1_500

/** A person agrees, in a window of the service, that a credential may act for them. */
export function AuthorizeDialog({ credential, onClose }: { credential: Credential; onClose: () => void }) {
  const client = useQueryClient()
  const asked = useQuery({
    queryKey: ['authorize', credential.name, credential.version],
    queryFn: () => credentials.authorize(credential.name),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  })
  const open = useMutation({
    mutationFn: async (url: string) => {
      const other = window.open('about:blank', '_blank', LOOK)
      if (!other) throw new Error('The browser did not open a window: allow it, or open the address yourself.')
      // The service's page has no business in this one.
      other.opener = null
      other.location.href = url
    },
  })
  const now = useQuery({ ...credentials.list(), refetchInterval: AGAIN_MS, enabled: open.isSuccess })
  const isDone =
    open.isSuccess &&
    isNewer(
      now.data?.find((one) => one.name === credential.name),
      credential,
    )
  useEffect(() => {
    if (!isDone) return
    tellSuccess(`${credential.name} is authorized`)
    client.invalidateQueries({ queryKey: ['credentials'] })
    onClose()
  }, [isDone, credential.name, client, onClose])
  return (
    <Modal opened onClose={onClose} title={`Authorize ${credential.name}`}>
      <Stack>
        <Text size="sm">
          In a window of its own, the service asks you whether this program may act for you. It has to know this
          address, to which it sends you back:
        </Text>
        {asked.data && <Address text={asked.data.redirect_uri} />}
        {asked.error && (
          <Text size="sm" c="red" role="alert">
            {asked.error.message}
          </Text>
        )}
        {open.isSuccess && (
          <Text size="sm" c="dimmed" role="status">
            Waiting for your answer there. It can be given until ten minutes after this was opened.
          </Text>
        )}
        <Group justify="space-between">
          {asked.data ? (
            <Anchor size="sm" href={asked.data.url} target="_blank" rel="noopener noreferrer">
              The address itself
            </Anchor>
          ) : (
            <span />
          )}
          <Group gap="sm">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button
              leftSection={<IconExternalLink size={16} />}
              loading={asked.isPending}
              disabled={!asked.data}
              onClick={() => asked.data && open.mutate(asked.data.url)}
            >
              {open.isSuccess ? 'Open it again' : 'Open the service'}
            </Button>
          </Group>
        </Group>
      </Stack>
    </Modal>
  )
}

/** True if it has been authorized since: it is ready, and was not, or has a token that lives longer. */
function isNewer(now: Credential | undefined, before: Credential): boolean {
  if (!now?.is_ready) return false
  return !before.is_ready || now.token_expires_at !== before.token_expires_at
}

function Address({ text }: { text: string }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Code style={{ overflowWrap: 'anywhere' }}>{text}</Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon size="sm" aria-label="Copy the address" onClick={copy}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        )}
      </CopyButton>
    </Group>
  )
}
