import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Problem } from '~/api/problem'
import type { Json } from '~/api/types'
import { preview } from '~/api/workflows'
import { isTemplate } from './schema'
import type { PreviewData } from './sight'

export type Shown = { value: Json } | { problem: string } | null

const WAIT_MS = 180

/** The value of a template over the data of the last run, while somebody types it. */
export function usePreview(template: Json | undefined, data: PreviewData | null): Shown {
  const [text] = useDebouncedValue(isTemplate(template) ? template : null, WAIT_MS)
  const answer = useQuery({
    queryKey: ['preview', text, data],
    queryFn: ({ signal }) => preview(text ?? '', data?.scope ?? {}, data?.run, signal),
    enabled: text !== null && data !== null,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    placeholderData: (before) => before,
  })
  if (text === null || data === null || template !== text)
    return answer.data && isTemplate(template) ? { value: answer.data.value } : null
  if (answer.error) return { problem: answer.error instanceof Problem ? answer.error.message : String(answer.error) }
  return answer.data ? { value: answer.data.value } : null
}
