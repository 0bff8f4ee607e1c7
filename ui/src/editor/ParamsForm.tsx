import { Anchor, Stack, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import type { Action, Finding, NodeDocument, PathItem } from '~/api/types'
import { setParam } from './document'
import { FieldRow, type FormContext, type Path } from './Fields'
import { fieldsOf, type NamedField } from './schema'
import { useEditor, useEditorStore } from './store'

const EMPTY: Finding[] = []

/** Up to how many fields are shown without asking. */
const FEW = 5

/** What a node's fields share: how to change a value, and what is wrong with it. */
export function useFormContext(node: NodeDocument, part: 'params' | 'settings'): FormContext {
  const store = useEditorStore()
  const place = useEditor((state) => state.document.nodes.findIndex((one) => one.key === node.key))
  const findings = useEditor((state) => state.findings)
  return useMemo(() => {
    const here = findings.filter(
      (finding) => finding.path?.[0] === 'nodes' && finding.path[1] === place && finding.path[2] === part,
    )
    return {
      set: (path, value) =>
        store
          .getState()
          .edit(
            `Change ${node.name ?? node.key}`,
            (document) => setParam(document, node.key, part, path, value),
            `${node.key}.${part}.${path.join('.')}`,
          ),
      findingsAt: (path) =>
        here.length === 0 ? EMPTY : here.filter((finding) => samePath(finding.path?.slice(3) ?? [], path)),
    }
  }, [store, node.key, node.name, part, place, findings])
}

const samePath = (one: PathItem[], other: Path) =>
  one.length === other.length && one.every((item, place) => item === other[place])

/** The parameters of a node, as its action's schema asks for them. */
export function ParamsForm({ node, action }: { node: NodeDocument; action: Action }) {
  const form = useFormContext(node, 'params')
  const fields = useMemo(() => fieldsOf(action), [action])
  const params = node.params ?? {}
  const [all, setAll] = useState(false)
  const important = ({ name, field }: NamedField) =>
    field.required || params[name] !== undefined || form.findingsAt([name]).length > 0
  const shown =
    all || fields.length <= FEW
      ? fields
      : fields.filter((one, place) => important(one) || (place < FEW && fields.filter(important).length === 0))
  const hidden = fields.length - shown.length
  // What is missing as a whole is told of the node, not of a field.
  const general = form.findingsAt([])
  if (fields.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Nothing to set: {action.description.charAt(0).toLowerCase() + action.description.slice(1)}
      </Text>
    )
  }
  return (
    <Stack gap="md">
      {general.map((finding) => (
        <Text key={finding.message} size="sm" c="red">
          {finding.message}
        </Text>
      ))}
      {shown.map(({ name, field }) => (
        <FieldRow key={name} name={name} field={field} path={[name]} value={params[name]} form={form} />
      ))}
      {(hidden > 0 || all) && fields.length > FEW && (
        <Anchor component="button" type="button" size="sm" onClick={() => setAll(!all)} ta="left">
          {all ? 'Fewer parameters' : `${hidden} more parameters`}
        </Anchor>
      )}
    </Stack>
  )
}
