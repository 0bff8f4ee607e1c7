import { ActionIcon, Button, Group, SegmentedControl, Table, Text, Tooltip } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconCheck, IconCopy, IconDownload } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import type { Json } from '~/api/types'
import classes from './data.module.css'
import { JsonTree } from './JsonTree'
import { columnsOf, sizeOf } from './rows'

type Form = 'tree' | 'table' | 'json'

/** How much JSON text is drawn at once. */
const TEXT_SHOWN = 50_000
const ROWS_SHOWN = 100

/** A value to look at: as a tree, as a table where it is a list of maps, as JSON. */
export function Data({ value, label, root }: { value: Json; label: string; root?: string }) {
  const columns = useMemo(() => columnsOf(value), [value])
  const [form, setForm] = useState<Form>('tree')
  const forms = [
    { value: 'tree', label: 'Tree' },
    ...(columns ? [{ value: 'table', label: 'Table' }] : []),
    { value: 'json', label: 'JSON' },
  ]
  if (value === null)
    return (
      <Text size="sm" c="dimmed">
        Nothing (null)
      </Text>
    )
  return (
    <div>
      <Group justify="space-between" mb={6} wrap="nowrap">
        {sizeOf(value) >= 0 ? (
          <SegmentedControl
            size="xs"
            data={forms}
            value={form}
            onChange={(form) => setForm(form as Form)}
            aria-label={`${label}, shown as`}
          />
        ) : (
          <span />
        )}
        <Take value={value} label={label} />
      </Group>
      {form === 'table' && columns ? (
        <DataTable rows={value as { [key: string]: Json }[]} columns={columns} />
      ) : form === 'json' ? (
        <JsonText value={value} label={label} />
      ) : (
        <JsonTree value={value} label={label} root={root} />
      )}
    </div>
  )
}

function Take({ value, label }: { value: Json; label: string }) {
  const clipboard = useClipboard()
  const text = () => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))
  const download = () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([text()], { type: 'application/json' }))
    link.download = `${label.replace(/[^A-Za-z0-9_-]+/g, '-').toLowerCase()}.json`
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <Group gap={2} wrap="nowrap">
      <Tooltip label="Copy">
        <ActionIcon size="sm" aria-label={`Copy ${label}`} onClick={() => clipboard.copy(text())}>
          {clipboard.copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Save as a file">
        <ActionIcon size="sm" aria-label={`Save ${label} as a file`} onClick={download}>
          <IconDownload size={14} />
        </ActionIcon>
      </Tooltip>
    </Group>
  )
}

function JsonText({ value, label }: { value: Json; label: string }) {
  const text = useMemo(() => JSON.stringify(value, null, 2), [value])
  const [shown, setShown] = useState(TEXT_SHOWN)
  return (
    <>
      <section aria-label={`${label} as JSON`}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
        <pre className={classes.text} tabIndex={0}>
          {text.slice(0, shown)}
        </pre>
      </section>
      {shown < text.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setShown(shown + TEXT_SHOWN)}>
          {text.length - shown} more characters
        </Button>
      )}
    </>
  )
}

function DataTable({ rows, columns }: { rows: { [key: string]: Json }[]; columns: string[] }) {
  const [shown, setShown] = useState(ROWS_SHOWN)
  return (
    <Table.ScrollContainer minWidth={columns.length * 90} type="native">
      <Table withTableBorder withColumnBorders verticalSpacing={3} fz="xs">
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, shown).map((row, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a list of data has no other key
            <Table.Tr key={place}>
              {columns.map((column) => (
                <Table.Td key={column}>{cellText(row[column])}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {shown < rows.length && (
        <Button size="compact-xs" variant="subtle" onClick={() => setShown(shown + ROWS_SHOWN * 5)}>
          {rows.length - shown} more rows
        </Button>
      )}
    </Table.ScrollContainer>
  )
}

const cellText = (value: Json | undefined) => {
  if (value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
