import { Button, Code, Stack, Table, Text } from '@mantine/core'
import { IconHistory } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { access, type Change } from '~/api/access'
import { Page } from '~/parts/Page'
import { Empty, Failure, Loading } from '~/parts/states'
import { Time } from '~/parts/time'

/** Who changed what, the newest first. */
export default function Changes() {
  const list = useInfiniteQuery({
    queryKey: ['changes'],
    queryFn: ({ pageParam }) => access.changes(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  })
  const changes = list.data?.pages.flatMap((page) => page.changes) ?? []
  return (
    <Page title="Change log" lead="Who saved, activated, approved, cancelled and removed what.">
      <Stack>
        {list.isPending && <Loading />}
        {list.error && <Failure error={list.error} again={() => list.refetch()} />}
        {list.data && changes.length === 0 && (
          <Empty icon={<IconHistory size={36} />} title="Nothing was changed yet">
            Each change of a workflow, an execution, a token or a secret is written down here.
          </Empty>
        )}
        {changes.length > 0 && <Rows changes={changes} />}
        {list.hasNextPage && (
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => list.fetchNextPage()}>
            Older changes
          </Button>
        )}
      </Stack>
    </Page>
  )
}

function Rows({ changes }: { changes: Change[] }) {
  return (
    <Table.ScrollContainer minWidth={620} type="native">
      <Table className="panel stacks" verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>When</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th>More</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {changes.map((change) => (
            <Table.Tr key={`${change.at}${change.action}${change.target}`}>
              <Table.Td>
                <Time at={change.at} />
              </Table.Td>
              <Table.Td data-label="Who">
                {whoText(change)}
                {change.from && (
                  <Text size="xs" c="dimmed">
                    {change.from}
                  </Text>
                )}
              </Table.Td>
              <Table.Td data-label="What">
                {change.action.replaceAll(/[._]/g, ' ')} <b>{change.target}</b>
              </Table.Td>
              <Table.Td>
                {hasMore(change) && <Code style={{ overflowWrap: 'anywhere' }}>{JSON.stringify(change.details)}</Code>}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

const hasMore = ({ details }: Change) =>
  typeof details === 'object' && details !== null && Object.keys(details).length > 0

function whoText({ who }: Change): string {
  switch (who.kind) {
    case 'anyone':
      return 'somebody at this machine'
    case 'local':
      return 'the command line'
    case 'link':
      return 'whoever had the link'
    case 'token':
      return `token ${who.name}`
    default:
      return who.name ?? who.kind
  }
}
