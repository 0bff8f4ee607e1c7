import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import { type ReactNode, useCallback, useState } from 'react'

export interface Question {
  title: string
  /** What will be lost or begun. */
  children: ReactNode
  /** The word on the button: what it does. */
  confirm: string
  destroys?: boolean
}

/** Asks before something is done: `const [ask, dialog] = useConfirm()`, `if (await ask({...})) ...`. */
export function useConfirm(): [(question: Question) => Promise<boolean>, ReactNode] {
  const [open, setOpen] = useState<{ question: Question; answer: (yes: boolean) => void } | null>(null)
  const ask = useCallback(
    (question: Question) =>
      new Promise<boolean>((resolve) => {
        setOpen({ question, answer: resolve })
      }),
    [],
  )
  const close = (yes: boolean) => {
    open?.answer(yes)
    setOpen(null)
  }
  const dialog = open && (
    <Modal opened onClose={() => close(false)} title={open.question.title}>
      <Stack>
        <Text size="sm" component="div">
          {open.question.children}
        </Text>
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={() => close(false)}>
            Cancel
          </Button>
          <Button color={open.question.destroys ? 'red' : undefined} onClick={() => close(true)} data-autofocus>
            {open.question.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
  return [ask, dialog]
}
