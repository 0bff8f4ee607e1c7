import { Text } from '@mantine/core'
import type { Json } from '~/api/types'
import { CodeField } from './CodeField'
import classes from './editor.module.css'
import { type PreviewData, useSight } from './sight'
import { usePreview } from './usePreview'

interface TemplateFieldProps {
  value: string
  onChange: (value: string) => void
  labelledBy?: string
  label?: string
  describedBy?: string
  invalid?: boolean
  placeholder?: string
}

/** A text field that completes templates, and shows what they give under it. */
export function TemplateField(props: TemplateFieldProps) {
  const { sight, preview } = useSight()
  return (
    <div>
      <CodeField {...props} sight={sight} />
      <Preview value={props.value} data={preview} />
    </div>
  )
}

function Preview({ value, data }: { value: Json; data: PreviewData | null }) {
  const shown = usePreview(value, data)
  if (!shown) return null
  if ('problem' in shown) {
    return (
      <Text size="xs" className={classes.previewProblem} role="status">
        {shown.problem}
      </Text>
    )
  }
  const text = typeof shown.value === 'string' ? shown.value : JSON.stringify(shown.value)
  return (
    <div className={classes.preview} role="status" aria-label="Its value with the data of the last run">
      <span aria-hidden>= </span>
      {text === '' ? 'empty text' : text.length > 300 ? `${text.slice(0, 300)}…` : text}
    </div>
  )
}
