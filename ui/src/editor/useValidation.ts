import { useEffect, useMemo } from 'react'
import type { Finding } from '~/api/types'
import { workflows } from '~/api/workflows'
import { useEditor, useEditorStore } from './store'

const WAIT_MS = 300

/** Asks the server what is wrong with the draft, a moment after each change. */
export function useValidation(): void {
  const store = useEditorStore()
  const document = useEditor((state) => state.document)
  useEffect(() => {
    let wanted = true
    const timer = setTimeout(async () => {
      // A server that can't be reached is told elsewhere; the last findings stay.
      const answer = await workflows.validate(document).catch(() => null)
      if (wanted && answer) store.getState().setFindings(answer.findings)
    }, WAIT_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [store, document])
}

export interface Problems {
  errors: number
  warnings: number
}

/** Findings counted by node. */
export function useProblems(): Map<string, Problems> {
  const findings = useEditor((state) => state.findings)
  return useMemo(() => problemsOf(findings), [findings])
}

export function problemsOf(findings: Finding[]): Map<string, Problems> {
  const problems = new Map<string, Problems>()
  for (const finding of findings) {
    if (!finding.node || finding.severity === 'hint') continue
    const one = problems.get(finding.node) ?? { errors: 0, warnings: 0 }
    if (finding.severity === 'error') one.errors++
    else one.warnings++
    problems.set(finding.node, one)
  }
  return problems
}
