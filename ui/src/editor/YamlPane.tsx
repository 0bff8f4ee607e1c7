import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { EditorState, Transaction } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { ActionIcon, Group, Text } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import type { Action } from '~/api/types'
import { workflows } from '~/api/workflows'
import { styleNonce } from '~/theme'
import classes from './editor.module.css'
import { keep } from './keep'
import { useEditorStore } from './store'
import { readYaml, updateYaml, writeYaml } from './yaml'

const WAIT_MS = 250

/** The workflow as YAML, in step with the canvas both ways. */
export function YamlPane({ actions, onClose }: { actions: Map<string, Action>; onClose: () => void }) {
  const store = useEditorStore()
  const host = useRef<HTMLDivElement>(null)
  const [problem, setProblem] = useState<string | null>(null)

  useEffect(() => {
    if (!host.current) return
    /** The document that the text says; while the text is broken, the last one that it said. */
    let said = store.getState().document
    let timer: ReturnType<typeof setTimeout> | undefined
    const view = new EditorView({
      parent: host.current,
      state: EditorState.create({ doc: writeYaml(said, actions), extensions: extensions(() => typed()) }),
    })
    const typed = () => {
      clearTimeout(timer)
      timer = setTimeout(read, WAIT_MS)
    }
    const read = () => {
      const text = view.state.doc.toString()
      const result = readYaml(text, actions)
      if ('errors' in result) {
        setProblem(result.errors[0]?.message ?? 'This is no workflow yet')
        const marks = result.errors.map(
          (error): Diagnostic => ({
            from: clamp(error.start, text),
            to: clamp(error.end, text),
            severity: 'error',
            message: error.message,
          }),
        )
        view.dispatch(setDiagnostics(view.state, marks))
        return
      }
      setProblem(null)
      said = keep(store.getState().document, result.document)
      store.getState().edit('Change the YAML', () => said, 'yaml')
      check(text)
    }
    const check = async (text: string) => {
      const answer = await workflows.validateText(text).catch(() => null)
      if (!answer || view.state.doc.toString() !== text) return
      const marks = answer.findings.flatMap((finding): Diagnostic[] => {
        const place = finding.location
        const severity = finding.severity === 'hint' ? 'info' : finding.severity
        return place
          ? [
              {
                from: clamp(place.start, text),
                to: clamp(place.end, text),
                severity,
                message: finding.message + (finding.help ? `\n${finding.help}` : ''),
              },
            ]
          : []
      })
      view.dispatch(setDiagnostics(view.state, marks))
    }
    const unsubscribe = store.subscribe((state) => {
      if (state.document === said) return
      said = state.document
      clearTimeout(timer)
      const text = view.state.doc.toString()
      const next = updateYaml(text, said, actions)
      setProblem(null)
      if (next === text) return
      view.dispatch({
        changes: difference(text, next),
        annotations: [Transaction.addToHistory.of(false), Transaction.userEvent.of('outside')],
      })
      check(next)
    })
    check(view.state.doc.toString())
    return () => {
      unsubscribe()
      clearTimeout(timer)
      view.destroy()
    }
  }, [store, actions])

  return (
    <section className={classes.yaml} aria-label="The workflow as YAML">
      <Group justify="space-between" px="md" py={6} className={classes.yamlHead}>
        <Text size="sm" fw={600}>
          YAML
        </Text>
        <ActionIcon aria-label="Close the YAML" onClick={onClose}>
          <IconX size={16} />
        </ActionIcon>
      </Group>
      <div ref={host} className={classes.yamlBody} />
      {problem && (
        <Text size="xs" className={classes.yamlProblem} role="status">
          Not in step with the canvas: {problem}
        </Text>
      )}
    </section>
  )
}

const clamp = (place: number, text: string) => Math.min(Math.max(place, 0), text.length)

/** The one change that makes a text another. */
export function difference(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0
  while (from < before.length && from < after.length && before[from] === after[from]) from++
  let end = 0
  while (end < before.length - from && end < after.length - from && before.at(-1 - end) === after.at(-1 - end)) end++
  return { from, to: before.length - end, insert: after.slice(from, after.length - end) }
}

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'light-dark(#1d5aa0, #8ebcf0)' },
  { tag: tags.string, color: 'light-dark(#23603a, #8fd3a3)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'light-dark(#6a3fa8, #c3a5f2)' },
  { tag: tags.comment, color: 'var(--prana-dim)', fontStyle: 'italic' },
])

const extensions = (onTyped: () => void) => [
  EditorView.cspNonce.of(styleNonce()),
  lineNumbers(),
  history(),
  yaml(),
  syntaxHighlighting(colours),
  lintGutter(),
  highlightSelectionMatches(),
  keymap.of([...searchKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
  EditorView.contentAttributes.of({ 'aria-label': 'The workflow as YAML. Escape, then Tab, leaves it.' }),
  EditorView.updateListener.of((update) => {
    if (update.docChanged && !update.transactions.every((one) => one.isUserEvent('outside'))) onTyped()
  }),
  EditorView.theme({
    '&': { height: '100%', fontSize: '12.5px', backgroundColor: 'transparent' },
    '&.cm-focused': { outline: 'none' },
    '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
    '.cm-content': { caretColor: 'var(--mantine-color-text)' },
    '.cm-gutters': { backgroundColor: 'transparent', border: '0', color: 'var(--prana-dim)' },
    '.cm-tooltip': {
      backgroundColor: 'var(--prana-surface)',
      border: '1px solid var(--prana-line)',
      borderRadius: '8px',
      fontSize: '12px',
    },
  }),
]
