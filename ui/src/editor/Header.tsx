import { Group, Text, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { Action, NodeDocument } from '~/api/types'
import { iconOf } from '~/canvas/icons'
import { isKey, nodeOf, renameKey, setNodeField } from './document'
import classes from './editor.module.css'
import { useEditorStore } from './store'

/** A node's name and key, to change, and what it does. */
export function NodeHeader({
  node,
  action,
  onRenamed,
}: {
  node: NodeDocument
  action: Action | undefined
  onRenamed: (key: string) => void
}) {
  const store = useEditorStore()
  const Mark = iconOf(node.type, action?.kind ?? 'unknown')
  const name = (text: string) =>
    store
      .getState()
      .edit(
        `Name ${node.key}`,
        (document) => setNodeField(document, node.key, 'name', text && text !== node.key ? text : undefined),
        `${node.key}.name`,
      )
  const rename = (key: string) => {
    if (key === node.key || nodeOf(store.getState().document, key)) return
    store.getState().edit(`Rename ${node.key} to ${key}`, (document) => renameKey(document, node.key, key))
    onRenamed(key)
  }
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <span className={classes.headerIcon} data-kind={action?.kind ?? 'unknown'}>
        <Mark size={20} stroke={1.7} aria-hidden />
      </span>
      <div className={classes.headerWords}>
        <TextInput
          aria-label="Name of the node"
          variant="unstyled"
          size="sm"
          classNames={{ input: classes.nameInput }}
          value={node.name ?? node.key}
          onChange={(event) => name(event.currentTarget.value)}
        />
        <Group gap={6} wrap="nowrap">
          <KeyField nodeKey={node.key} onRename={rename} />
          <Text size="xs" c="dimmed" truncate>
            {action?.title ?? `there is no action ${node.type}`}
          </Text>
        </Group>
      </div>
    </Group>
  )
}

/** The key, by which templates and connections call the node. */
function KeyField({ nodeKey, onRename }: { nodeKey: string; onRename: (key: string) => void }) {
  const [text, setText] = useState(nodeKey)
  useEffect(() => setText(nodeKey), [nodeKey])
  const wrong = !isKey(text)
  const done = () => (wrong ? setText(nodeKey) : onRename(text))
  return (
    <input
      className={classes.keyField}
      aria-label="Key of the node: what templates and connections call it"
      aria-invalid={wrong}
      title={wrong ? 'A key has letters, digits, _ and - alone' : 'What templates and connections call this node'}
      value={text}
      size={Math.max(text.length, 4)}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={done}
      onKeyDown={(event) => event.key === 'Enter' && done()}
    />
  )
}
