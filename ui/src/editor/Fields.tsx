import { ActionIcon, Button, Group, NumberInput, Select, Switch, TagsInput, Text, Tooltip } from '@mantine/core'
import { IconBraces, IconPlus, IconTrash, IconVariable } from '@tabler/icons-react'
import { useId, useState } from 'react'
import { readJson, wholeNumber } from '~/api/json'
import type { Finding, Json, JsonMap } from '~/api/types'
import { Prose } from '~/parts/Prose'
import { CodeField } from './CodeField'
import { CredentialField, isCredential } from './CredentialField'
import classes from './editor.module.css'
import { type Field, fieldsThatCount, isTemplate, type NamedField } from './schema'
import { TemplateField } from './TemplateField'

export type Path = (string | number)[]

/** What all fields of a form share. */
export interface FormContext {
  set: (path: Path, value: Json | undefined) => void
  /** What is wrong at a path of the parameters. */
  findingsAt: (path: Path) => Finding[]
}

interface FieldProps {
  field: Field
  name: string
  path: Path
  value: Json | undefined
  form: FormContext
  /** Without a title of its own: inside a list or a map. */
  bare?: boolean
}

/** One parameter: its name, its field, what is wrong with it, what it is for. */
export function FieldRow({ field, name, path, value, form, bare }: FieldProps) {
  const id = useId()
  const findings = form.findingsAt(path)
  const asTemplate = field.kind !== 'text' && field.kind !== 'any' && field.kind !== 'code' && isTemplate(value)
  const mayBeTemplate = !['text', 'any', 'code', 'group'].includes(field.kind)
  const described = [field.description && !bare ? `${id}-about` : '', findings.length > 0 ? `${id}-wrong` : '']
    .filter(Boolean)
    .join(' ')
  const shared = { id, described: described || undefined, invalid: findings.some((one) => one.severity === 'error') }
  return (
    <div className={classes.field} data-field={path.join('.')}>
      {!bare && (
        <Group justify="space-between" gap={4} wrap="nowrap" mb={3}>
          <span id={`${id}-label`} className={classes.fieldTitle}>
            {field.title || name}
            {field.required && (
              <span className={classes.required} title="Needed">
                {' '}
                *
              </span>
            )}
          </span>
          {mayBeTemplate && (
            <Tooltip label={asTemplate ? 'Back to a fixed value' : 'Use an expression'}>
              <ActionIcon
                size="sm"
                variant={asTemplate ? 'light' : 'subtle'}
                color={asTemplate ? 'tide' : 'gray'}
                aria-label={`${field.title}: ${asTemplate ? 'back to a fixed value' : 'use an expression'}`}
                aria-pressed={asTemplate}
                onClick={() => form.set(path, asTemplate ? undefined : '{{ $input }}')}
              >
                <IconVariable size={15} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
      )}
      {asTemplate ? (
        <TemplateField
          value={value as string}
          onChange={(next) => form.set(path, next)}
          labelledBy={bare ? undefined : `${id}-label`}
          label={bare ? name : undefined}
          describedBy={shared.described}
          invalid={shared.invalid}
        />
      ) : (
        <Input field={field} name={name} path={path} value={value} form={form} bare={bare} {...shared} />
      )}
      {findings.map((finding) => (
        <Text
          key={finding.code + finding.message}
          id={`${id}-wrong`}
          size="xs"
          className={finding.severity === 'error' ? classes.wrong : classes.warned}
        >
          <Prose>{finding.help ? `${finding.message} (${finding.help})` : finding.message}</Prose>
        </Text>
      ))}
      {field.description && !bare && (
        <Text id={`${id}-about`} size="xs" c="dimmed" mt={3}>
          <Prose>{field.description}</Prose>
        </Text>
      )}
    </div>
  )
}

type InputProps = FieldProps & { id: string; described?: string; invalid: boolean }

function Input(props: InputProps) {
  const { field, value, path, form, id, described, invalid, bare, name } = props
  const names = bare ? { 'aria-label': name } : { 'aria-labelledby': `${id}-label` }
  const shared = { ...names, 'aria-describedby': described, size: 'sm' as const, error: invalid }
  switch (field.kind) {
    case 'switch':
      return (
        <Switch
          {...names}
          checked={(value ?? field.fallback) === true}
          onChange={(event) => form.set(path, event.currentTarget.checked)}
        />
      )
    case 'number':
      return (
        <NumberInput
          {...shared}
          value={typeof value === 'number' ? value : typeof value === 'bigint' ? String(value) : ''}
          onChange={(next) => form.set(path, numberOf(next))}
          allowDecimal={!field.whole}
          min={field.min}
          max={field.max}
          placeholder={placeholderOf(field)}
        />
      )
    case 'choice':
      return (
        <Select
          {...shared}
          data={field.choices.map(({ value }) => ({ value, label: value }))}
          value={typeof value === 'string' ? value : null}
          onChange={(next) => form.set(path, next ?? undefined)}
          clearable={!field.required}
          placeholder={placeholderOf(field) ?? field.choices[0]?.value}
          renderOption={({ option }) => (
            <div>
              <Text size="sm">{option.label}</Text>
              <Text size="xs" c="dimmed">
                <Prose>{field.choices.find((choice) => choice.value === option.value)?.description ?? ''}</Prose>
              </Text>
            </div>
          )}
          comboboxProps={{ withinPortal: true }}
        />
      )
    case 'words':
      return (
        <TagsInput
          {...shared}
          value={typeof value === 'string' ? [value] : Array.isArray(value) ? value.map(String) : []}
          onChange={(words) => form.set(path, words.length === 0 ? undefined : words.length === 1 ? words[0] : words)}
          placeholder="Type, then Enter"
        />
      )
    case 'group':
      return <Group_ {...props} fields={field.fields} />
    case 'map':
      return <MapField {...props} item={field.item} />
    case 'list':
      return <ListField {...props} item={field.item} />
    case 'code':
      return (
        <CodeField
          value={typeof value === 'string' ? value : ''}
          onChange={(next) => form.set(path, next === '' ? undefined : next)}
          labelledBy={`${id}-label`}
          describedBy={described}
          invalid={invalid}
          lines={8}
        />
      )
    case 'text':
      if (isCredential(path))
        return (
          <CredentialField
            {...shared}
            value={typeof value === 'string' ? value : ''}
            onChange={(next) => form.set(path, next === '' ? undefined : next)}
          />
        )
      return <AnyField {...props} />
    case 'any':
      return <AnyField {...props} />
  }
}

/** What a field of numbers holds: of what is too large for it, the digits. */
function numberOf(next: number | string): Json | undefined {
  if (typeof next === 'number') return next
  return /^-?\d+$/.test(next) ? wholeNumber(next) : undefined
}

const placeholderOf = (field: Field): string | undefined =>
  field.fallback === undefined || field.fallback === null || typeof field.fallback === 'object'
    ? undefined
    : String(field.fallback)

/** Text with templates; what may be anything can be written as JSON, too. */
function AnyField({ field, value, path, form, id, described, invalid, bare, name }: InputProps) {
  const isJson = field.kind === 'any' && value !== undefined && typeof value !== 'string'
  const [asJson, setAsJson] = useState(isJson)
  const names = bare ? { label: name } : { labelledBy: `${id}-label` }
  const switcher = field.kind === 'any' && (
    <Tooltip label={asJson ? 'Write it as text' : 'Write it as JSON: numbers, lists, maps'}>
      <ActionIcon
        size="sm"
        className={classes.jsonSwitch}
        aria-label={`${field.title || name}: ${asJson ? 'write it as text' : 'write it as JSON'}`}
        aria-pressed={asJson}
        onClick={() => setAsJson(!asJson)}
      >
        <IconBraces size={14} color={asJson ? 'var(--prana-accent)' : undefined} />
      </ActionIcon>
    </Tooltip>
  )
  return (
    <div className={switcher ? classes.withSwitch : undefined}>
      {asJson ? (
        <JsonField
          value={value}
          onChange={(next) => form.set(path, next)}
          {...names}
          invalid={invalid}
          describedBy={described}
        />
      ) : (
        <TemplateField
          value={typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)}
          onChange={(next) => form.set(path, next === '' && !field.required ? undefined : next)}
          {...names}
          describedBy={described}
          invalid={invalid}
          placeholder={placeholderOf(field)}
        />
      )}
      {switcher}
    </div>
  )
}

interface JsonFieldProps {
  value: Json | undefined
  onChange: (value: Json | undefined) => void
  labelledBy?: string
  label?: string
  describedBy?: string
  invalid?: boolean
  lines?: number
}

/** A value written as JSON; it counts once it is whole. */
export function JsonField({ value, onChange, ...rest }: JsonFieldProps) {
  const [text, setText] = useState(() => (value === undefined ? '' : JSON.stringify(value, null, 2)))
  const wrong = text.trim() !== '' && readJson(text) === undefined
  return (
    <>
      <CodeField
        {...rest}
        value={text}
        invalid={rest.invalid || wrong}
        placeholder={'{"name": 1}'}
        onChange={(next) => {
          setText(next)
          if (next.trim() === '') onChange(undefined)
          else {
            const read = readJson(next)
            if (read !== undefined) onChange(read.value)
          }
        }}
      />
      {wrong && (
        <Text size="xs" className={classes.wrong}>
          This is no JSON yet
        </Text>
      )}
    </>
  )
}

function Group_({ fields, value, path, form, field }: InputProps & { fields: NamedField[] }) {
  const map = asMap(value)
  if (value === undefined && !field.required) {
    return (
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<IconPlus size={14} />}
        onClick={() => form.set(path, {})}
      >
        Set {field.title.toLowerCase()}
      </Button>
    )
  }
  return (
    <div className={classes.group}>
      {fieldsThatCount(fields, map).map((inner) => (
        <FieldRow key={inner.name} {...inner} path={[...path, inner.name]} value={map[inner.name]} form={form} />
      ))}
      {!field.required && (
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          leftSection={<IconTrash size={13} />}
          onClick={() => form.set(path, undefined)}
        >
          Take {field.title.toLowerCase()} out
        </Button>
      )}
    </div>
  )
}

const asMap = (value: Json | undefined): JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

function MapField({ item, value, path, form, field }: InputProps & { item: Field }) {
  const map = asMap(value)
  const keys = Object.keys(map)
  const rename = (from: string, to: string) => {
    if (from === to || to === '' || to in map) return
    form.set(path, Object.fromEntries(keys.map((key) => [key === from ? to : key, map[key] ?? null])))
  }
  const add = () => {
    let name = 'field'
    for (let count = 2; name in map; count++) name = `field_${count}`
    form.set(path, { ...map, [name]: startOf(item) })
  }
  return (
    <div className={classes.rows}>
      {keys.map((key, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row stays itself while its key is typed
        <div key={place} className={classes.mapRow}>
          <KeyInput
            value={key}
            label={`${field.title}: name of field ${place + 1}`}
            onChange={(to) => rename(key, to)}
          />
          <div className={classes.mapValue}>
            <FieldRow
              field={item}
              name={`${field.title}: ${key}`}
              path={[...path, key]}
              value={map[key]}
              form={form}
              bare
            />
          </div>
          <Remove label={`Take ${key} out`} onClick={() => form.set([...path, key], undefined)} />
        </div>
      ))}
      <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} />} onClick={add}>
        Add a field
      </Button>
    </div>
  )
}

function KeyInput({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value)
  const [last, setLast] = useState(value)
  if (last !== value) {
    setLast(value)
    setText(value)
  }
  return (
    <input
      className={classes.keyInput}
      aria-label={label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onFocus={(event) => event.currentTarget.select()}
      onBlur={() => onChange(text.trim())}
      onKeyDown={(event) => event.key === 'Enter' && onChange(text.trim())}
    />
  )
}

function ListField({ item, value, path, form, field }: InputProps & { item: Field }) {
  const list = Array.isArray(value) ? value : []
  return (
    <div className={classes.rows}>
      {list.map((one, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an item of a list is known by its place
        <div key={place} className={item.kind === 'group' ? classes.card : classes.mapRow}>
          <div className={classes.mapValue}>
            <FieldRow
              field={item}
              name={`${field.title} ${place + 1}`}
              path={[...path, place]}
              value={one}
              form={form}
              bare
            />
          </div>
          <Remove
            label={`Take item ${place + 1} of ${field.title} out`}
            onClick={() => form.set([...path, place], undefined)}
          />
        </div>
      ))}
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<IconPlus size={14} />}
        onClick={() => form.set([...path, list.length], startOf(item))}
      >
        Add {field.title ? `to ${field.title.toLowerCase()}` : 'an item'}
      </Button>
    </div>
  )
}

function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <ActionIcon aria-label={label} onClick={onClick} mt={4}>
      <IconTrash size={15} />
    </ActionIcon>
  )
}

/** What a new item begins as. */
function startOf(field: Field): Json {
  if (field.kind === 'group') return {}
  if (field.kind === 'map') return {}
  if (field.kind === 'list') return []
  if (field.kind === 'number') return field.min ?? 0
  if (field.kind === 'switch') return false
  if (field.kind === 'choice') return field.choices[0]?.value ?? ''
  return ''
}
