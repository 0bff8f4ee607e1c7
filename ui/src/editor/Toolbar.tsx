import { ActionIcon, Anchor, Badge, Button, Group, Menu, Text, TextInput, Tooltip } from '@mantine/core'
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconChevronDown,
  IconCode,
  IconDeviceFloppy,
  IconDots,
  IconDownload,
  IconGitCompare,
  IconHistory,
  IconKeyboard,
  IconLayoutDistributeHorizontal,
  IconPlayerPlay,
  IconPlus,
  IconRocket,
  IconSettings,
  IconVersions,
} from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { DialogName } from './EditorDialogs'
import classes from './editor.module.css'
import { useEditor, useEditorStore } from './store'
import type { Busy } from './useWork'

export interface ToolbarProps {
  active: number | null
  busy: Busy
  yamlOpen: boolean
  onAdd: () => void
  onArrange: () => void
  onYaml: () => void
  onSave: () => void
  onRun: () => void
  onActivate: () => void
  onDeactivate: () => void
  onDialog: (dialog: DialogName) => void
  onDownload: () => void
}

/** What can be done to the workflow as a whole. */
export function Toolbar(props: ToolbarProps) {
  return (
    <Group className={classes.toolbar} gap="xs" role="toolbar" aria-label="Workflow">
      <Name active={props.active} />
      <EditTools {...props} />
      <RunTools {...props} />
    </Group>
  )
}

const useIsDirty = () => useEditor((state) => state.document !== state.saved.document)

function Name({ active }: { active: number | null }) {
  const { edit } = useEditorStore().getState()
  const name = useEditor((state) => state.document.name ?? state.document.id)
  const version = useEditor((state) => state.saved.version)
  return (
    <Group gap={6} className={classes.toolbarName} wrap="nowrap">
      <Anchor component={Link} to="/workflows" size="sm" c="dimmed" visibleFrom="md">
        Workflows
      </Anchor>
      <Text c="dimmed" size="sm" visibleFrom="md" aria-hidden>
        /
      </Text>
      <TextInput
        aria-label="Name of the workflow"
        variant="unstyled"
        size="sm"
        classNames={{ input: classes.nameInput }}
        value={name}
        onChange={(event) => {
          const name = event.currentTarget.value
          edit('Name the workflow', (document) => ({ ...document, name: name || undefined }), 'name')
        }}
      />
      <State active={active} version={version} dirty={useIsDirty()} />
    </Group>
  )
}

function EditTools(props: ToolbarProps) {
  const { yamlOpen } = props
  return (
    <Group gap={2} wrap="nowrap">
      <Button size="compact-sm" variant="light" leftSection={<IconPlus size={15} />} onClick={props.onAdd}>
        Add
      </Button>
      <UndoAndRedo />
      <Tooltip label="Lay out (L)">
        <ActionIcon aria-label="Lay out" onClick={props.onArrange}>
          <IconLayoutDistributeHorizontal size={18} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="YAML beside the canvas (Y)">
        <ActionIcon
          aria-label="YAML"
          aria-pressed={yamlOpen}
          variant={yamlOpen ? 'light' : 'subtle'}
          color={yamlOpen ? 'tide' : 'gray'}
          onClick={props.onYaml}
        >
          <IconCode size={18} />
        </ActionIcon>
      </Tooltip>
      <MoreMenu {...props} />
    </Group>
  )
}

function UndoAndRedo() {
  const { undo, redo } = useEditorStore().getState()
  const undoes = useEditor((state) => state.past.at(-1)?.label)
  const redoes = useEditor((state) => state.future.at(-1)?.label)
  return (
    <>
      <Tooltip label={undoes ? `Undo: ${undoes}` : 'Nothing to undo'}>
        <ActionIcon aria-label="Undo" aria-disabled={!undoes} data-disabled={!undoes || undefined} onClick={undo}>
          <IconArrowBackUp size={18} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={redoes ? `Redo: ${redoes}` : 'Nothing to redo'}>
        <ActionIcon aria-label="Redo" aria-disabled={!redoes} data-disabled={!redoes || undefined} onClick={redo}>
          <IconArrowForwardUp size={18} />
        </ActionIcon>
      </Tooltip>
    </>
  )
}

function RunTools({ active, busy, onSave, onActivate, onRun, onDialog }: ToolbarProps) {
  const isDirty = useIsDirty()
  const version = useEditor((state) => state.saved.version)
  return (
    <Group gap={6} wrap="nowrap">
      <Button
        size="xs"
        variant="default"
        leftSection={<IconDeviceFloppy size={16} />}
        loading={busy === 'saving'}
        disabled={!isDirty}
        onClick={onSave}
      >
        Save
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconRocket size={16} />}
        loading={busy === 'activating'}
        disabled={active === version && !isDirty}
        onClick={onActivate}
      >
        Activate
      </Button>
      <Group gap={1} wrap="nowrap">
        <Button
          size="xs"
          leftSection={<IconPlayerPlay size={16} />}
          loading={busy === 'running'}
          onClick={onRun}
          className={classes.runLeft}
        >
          Run
        </Button>
        <Tooltip label="Run with input…">
          <Button
            size="xs"
            px={6}
            aria-label="Run with input"
            onClick={() => onDialog('run')}
            className={classes.runRight}
          >
            <IconChevronDown size={15} />
          </Button>
        </Tooltip>
      </Group>
    </Group>
  )
}

function State({ active, version, dirty }: { active: number | null; version: number; dirty: boolean }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Badge variant="default" radius="sm" tt="none" fw={500}>
        v{version}
        {dirty ? ', changed' : ''}
      </Badge>
      {active === null ? (
        <Badge variant="light" color="gray" radius="sm" tt="none" className="status-gray">
          Not active
        </Badge>
      ) : (
        <Badge variant="light" color="green" radius="sm" tt="none" className="status-green">
          {active === version ? 'Active' : `v${active} is active`}
        </Badge>
      )}
    </Group>
  )
}

function MoreMenu({ active, onDeactivate, onDialog, onDownload }: ToolbarProps) {
  const id = useEditor((state) => state.document.id)
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon aria-label="More">
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconSettings size={16} />} onClick={() => onDialog('settings')}>
          Settings and variables…
        </Menu.Item>
        <Menu.Item
          leftSection={<IconGitCompare size={16} />}
          onClick={() => onDialog('compare')}
          disabled={active === null}
        >
          Compare with the active version…
        </Menu.Item>
        <Menu.Item
          leftSection={<IconVersions size={16} />}
          component={Link}
          {...({ to: '/workflows/$id/versions', params: { id } } as object)}
        >
          Versions
        </Menu.Item>
        <Menu.Item
          leftSection={<IconHistory size={16} />}
          component={Link}
          {...({ to: '/executions', search: { workflow: id } } as object)}
        >
          Executions
        </Menu.Item>
        <Menu.Item leftSection={<IconDownload size={16} />} onClick={onDownload}>
          Export as YAML
        </Menu.Item>
        {active !== null && (
          <>
            <Menu.Divider />
            <Menu.Item onClick={onDeactivate}>Deactivate…</Menu.Item>
          </>
        )}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={() => onDialog('keys')}>
          Keys
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
