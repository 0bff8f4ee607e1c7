import { Button, Code, CopyButton, Group, Loader, Text } from '@mantine/core'
import type { NodeDocument } from '~/api/types'
import classes from './editor.module.css'
import type { Listening } from './useWork'

/** Says where a test request is waited for. */
export function ListenBar({ listening, trigger }: { listening: Listening; trigger: NodeDocument | undefined }) {
  const path = typeof trigger?.params?.path === 'string' ? trigger.params.path : ''
  const methods = Array.isArray(trigger?.params?.methods) ? trigger.params.methods.map(String) : ['POST']
  const url = `${window.location.origin}/webhook-test/${path.replace(/^\//, '')}`
  const curl = `curl -X ${methods[0] ?? 'POST'} '${url}' -H 'Content-Type: application/json' -d '{}'`
  return (
    <section className={classes.listening} aria-label="Test webhook">
      <Group gap="sm" wrap="nowrap">
        <Loader size="xs" aria-hidden />
        <Text size="sm" role="status">
          Waiting for one {methods.join(' or ')} to <Code>{url}</Code>
        </Text>
      </Group>
      <Group gap="xs" wrap="nowrap">
        <CopyButton value={curl}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy as curl'}
            </Button>
          )}
        </CopyButton>
        <Button size="compact-sm" variant="default" onClick={listening.stop}>
          Stop
        </Button>
      </Group>
    </section>
  )
}
