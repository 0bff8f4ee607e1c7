import { Badge } from '@mantine/core'
import {
  type Icon,
  IconAlertTriangle,
  IconBan,
  IconCheck,
  IconClock,
  IconHourglass,
  IconPlayerPlay,
  IconPlayerSkipForward,
  IconX,
} from '@tabler/icons-react'
import type { ExecutionStatus, NodeStatus } from '~/api/types'

export type Status = ExecutionStatus | NodeStatus

interface Look {
  color: string
  icon: Icon
  label: string
}

/** How each status looks everywhere: never by colour alone. */
export const statusLook: { [status in Status]: Look } = {
  pending: { color: 'gray', icon: IconClock, label: 'Pending' },
  running: { color: 'blue', icon: IconPlayerPlay, label: 'Running' },
  suspended: { color: 'yellow', icon: IconHourglass, label: 'Waiting' },
  completed: { color: 'green', icon: IconCheck, label: 'Completed' },
  failed: { color: 'red', icon: IconX, label: 'Failed' },
  cancelled: { color: 'gray', icon: IconBan, label: 'Cancelled' },
  timeout: { color: 'red', icon: IconAlertTriangle, label: 'Timed out' },
  skipped: { color: 'gray', icon: IconPlayerSkipForward, label: 'Skipped' },
}

export function StatusBadge({ status, size = 'md' }: { status: Status; size?: 'sm' | 'md' }) {
  const look = statusLook[status]
  const Mark = look.icon
  return (
    <Badge
      color={look.color}
      variant="light"
      size={size}
      radius="sm"
      leftSection={<Mark size={12} aria-hidden />}
      className={`status status-${look.color}`}
      tt="none"
    >
      {look.label}
    </Badge>
  )
}

export const isEnded = (status: ExecutionStatus) => ['completed', 'failed', 'cancelled', 'timeout'].includes(status)
