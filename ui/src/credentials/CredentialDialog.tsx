import { Button, Group, Modal, PasswordInput, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { type Credential, type CredentialType, credentials } from '~/api/credentials'
import { tellSuccess } from '~/api/query'
import { type CredentialKind, type GivenField, givenOf, isWhole, KINDS, kindOf, type Values } from './kinds'

const FIRST = KINDS[0] as CredentialKind

/** A new credential, or another content for one: what is in it can't be shown, so all of it is asked for. */
export function CredentialDialog({ credential, onClose }: { credential: Credential | null; onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState(credential?.name ?? '')
  const [type, setType] = useState<CredentialType>(credential?.type ?? FIRST.type)
  const [values, setValues] = useState<Values>({ scopes: credential?.scopes ?? [] })
  const [hosts, setHosts] = useState(credential?.allowed_hosts ?? [])
  const [testUrl, setTestUrl] = useState(credential?.test_url ?? '')
  const kind = kindOf(type) ?? FIRST
  const put = useMutation({
    mutationFn: () =>
      credentials.put(name, {
        credential: givenOf(kind, values),
        allowed_hosts: hosts,
        test_url: testUrl || null,
        based_on: credential?.version ?? 0,
      }),
    onSuccess: () => {
      tellSuccess(`${name} is set`)
      client.invalidateQueries({ queryKey: ['credentials'] })
      onClose()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    put.mutate()
  }
  return (
    <Modal opened onClose={onClose} title={credential ? `Replace ${credential.name}` : 'New credential'} size="lg">
      <form onSubmit={submit} autoComplete="off">
        <Stack>
          {!credential && (
            <TextInput
              label="Name"
              description="What nodes call it"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
              data-autofocus
            />
          )}
          <Select
            label="Kind"
            description={kind.about}
            data={KINDS.map(({ type, title }) => ({ value: type, label: title }))}
            value={type}
            onChange={(next) => next && setType(next as CredentialType)}
            allowDeselect={false}
          />
          {kind.fields.map((field) => (
            <GivenInput
              key={`${kind.type}.${field.name}`}
              field={field}
              value={values[field.name]}
              onChange={(value) => setValues({ ...values, [field.name]: value })}
            />
          ))}
          <TagsInput
            label="Hosts that may be sent it"
            description="api.example.com, *.example.com, or * for any; Enter after each"
            value={hosts}
            onChange={setHosts}
            acceptValueOnBlur
          />
          <TextInput
            label="Address for tests"
            description="Asked for with the credential when it is tested; it should answer only to those who may"
            placeholder="https://api.example.com/me"
            value={testUrl}
            onChange={(event) => setTestUrl(event.currentTarget.value)}
          />
          {credential && (
            <Text size="xs" c="dimmed">
              What is in it cannot be read again: all of it is written anew.
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={put.isPending} disabled={name === '' || !isWhole(kind, values)}>
              {credential ? 'Replace' : 'Save'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

interface GivenInputProps {
  field: GivenField
  value: string | string[] | undefined
  onChange: (value: string | string[]) => void
}

function GivenInput({ field, value, onChange }: GivenInputProps) {
  const shared = { label: field.title, description: field.about, required: !field.optional }
  if (field.words)
    return <TagsInput {...shared} value={Array.isArray(value) ? value : []} onChange={onChange} acceptValueOnBlur />
  const text = typeof value === 'string' ? value : ''
  if (field.choices)
    return (
      <Select
        {...shared}
        data={field.choices}
        value={text || (field.choices[0]?.value ?? null)}
        onChange={(next) => onChange(next ?? '')}
        allowDeselect={false}
      />
    )
  if (field.secret)
    return (
      <PasswordInput
        {...shared}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
        autoComplete="new-password"
      />
    )
  return <TextInput {...shared} value={text} onChange={(event) => onChange(event.currentTarget.value)} />
}
