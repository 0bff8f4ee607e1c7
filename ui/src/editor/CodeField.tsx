import {
  autocompletion,
  type CompletionContext,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import {
  Decoration,
  drawSelection,
  EditorView,
  keymap,
  MatchDecorator,
  placeholder as placeholderText,
  ViewPlugin,
} from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { styleNonce } from '~/theme'
import { complete, insideTemplate, type Sight } from './completion'
import classes from './editor.module.css'

/** What a dragged value is called in a template; the tree of data puts it there. */
const DRAGGED = 'application/x-prana-expression'

interface CodeFieldProps {
  value: string
  onChange: (value: string) => void
  /** The ids of what names and describes it. */
  labelledBy?: string
  describedBy?: string
  label?: string
  invalid?: boolean
  placeholder?: string
  readOnly?: boolean
  /** With it, templates are completed, and take what is dragged in. */
  sight?: Sight
  /** Lines that are shown even if they are empty. */
  lines?: number
  onBlur?: () => void
}

/** A text with templates in it, or code. */
export function CodeField(props: CodeFieldProps) {
  const { value, labelledBy, describedBy, label, invalid, placeholder, readOnly, sight, lines = 1 } = props
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const now = useRef(props)
  now.current = props
  const names = useRef(new Compartment())

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; what changes is handed in below
  useEffect(() => {
    if (!host.current) return
    const made = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(styleNonce()),
          history(),
          drawSelection(),
          EditorView.lineWrapping,
          names.current.of([]),
          placeholder ? placeholderText(placeholder) : [],
          EditorState.readOnly.of(readOnly ?? false),
          sight ? templateExtensions(() => now.current.sight) : closeBrackets(),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          theme,
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((one) => one.isUserEvent('outside'))) {
              now.current.onChange(update.state.doc.toString())
            }
            if (update.focusChanged && !update.view.hasFocus) now.current.onBlur?.()
          }),
        ],
      }),
    })
    view.current = made
    return () => made.destroy()
  }, [])

  useEffect(() => {
    const attributes: { [name: string]: string } = { 'aria-multiline': 'true' }
    if (labelledBy) attributes['aria-labelledby'] = labelledBy
    if (label) attributes['aria-label'] = label
    if (describedBy) attributes['aria-describedby'] = describedBy
    if (invalid) attributes['aria-invalid'] = 'true'
    view.current?.dispatch({ effects: names.current.reconfigure(EditorView.contentAttributes.of(attributes)) })
  }, [labelledBy, label, describedBy, invalid])

  useEffect(() => {
    const made = view.current
    if (!made || made.state.doc.toString() === value) return
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value }, userEvent: 'outside' })
  }, [value])

  return (
    <div ref={host} className={classes.code} data-invalid={invalid || undefined} data-lines={lines > 1 || undefined} />
  )
}

const templates = new MatchDecorator({
  regexp: /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}|\{#[\s\S]*?#\}/g,
  decoration: (match) => Decoration.mark({ class: match[0].startsWith('{#') ? 'cm-comment' : 'cm-template' }),
})

const highlightTemplates = ViewPlugin.define(
  (view) => ({
    decorations: templates.createDeco(view),
    update(update) {
      this.decorations = templates.updateDeco(update, this.decorations)
    },
  }),
  { decorations: (plugin) => plugin.decorations },
)

const KINDS: { [type: string]: string } = {
  name: 'variable',
  field: 'property',
  filter: 'function',
  node: 'class',
  tag: 'keyword',
}

export function templateExtensions(sightNow: () => Sight | undefined): Extension {
  const source = (context: CompletionContext) => {
    const sight = sightNow()
    const found = sight && complete(context.state.doc.toString(), context.pos, sight)
    if (
      !found ||
      (found.from === context.pos && !context.explicit && !/[.$|]\s?$/.test(context.state.sliceDoc(0, context.pos)))
    )
      return null
    return {
      from: found.from,
      options: found.options.map(({ type, ...option }) => ({ ...option, type: KINDS[type] })),
      validFor: /^\$?[\w-]*$/,
    }
  }
  return [
    autocompletion({ override: [source], icons: false }),
    closeBrackets(),
    EditorState.languageData.of(() => [{ closeBrackets: { brackets: ['{', '(', '[', '"', "'"] } }]),
    highlightTemplates,
    EditorView.domEventHandlers({ drop: dropExpression }),
  ]
}

/** What is dragged from the data becomes an expression, or a part of the one it is dropped into. */
function dropExpression(event: DragEvent, view: EditorView): boolean {
  const path = event.dataTransfer?.getData(DRAGGED)
  if (!path) return false
  event.preventDefault()
  const text = view.state.doc.toString()
  const place = view.posAtCoords({ x: event.clientX, y: event.clientY }) ?? text.length
  const insert = insideTemplate(text, place) ? path : `{{ ${path} }}`
  view.dispatch({
    changes: { from: place, insert },
    selection: { anchor: place + insert.length },
    userEvent: 'input.drop',
  })
  view.focus()
  return true
}

const theme = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': {
    fontFamily: 'var(--mantine-font-family-monospace)',
    padding: '7px 0',
    caretColor: 'var(--mantine-color-text)',
  },
  '.cm-line': { padding: '0 10px' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-placeholder': { color: 'var(--mantine-color-placeholder)' },
  '.cm-template': { color: 'light-dark(#0a6a60, #63cbbc)' },
  '.cm-comment': { color: 'var(--prana-dim)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'light-dark(#cfe8e4, #1f4a45) !important',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--prana-surface)',
    border: '1px solid var(--prana-line)',
    borderRadius: '8px',
    overflow: 'hidden',
  },
  '.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px !important', fontSize: '12.5px' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'light-dark(#d9efeb, #1d3d39)',
    color: 'inherit',
  },
  '.cm-completionDetail': { color: 'var(--prana-dim)', fontStyle: 'normal', marginLeft: '10px' },
  '.cm-completionInfo': { padding: '6px 10px', maxWidth: '320px', fontSize: '12px' },
})
