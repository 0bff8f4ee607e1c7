import { lazy, Suspense, useEffect, useState } from 'react'
import { Loading } from '~/parts/states'
import classes from './editor.module.css'
import { useEditorStore } from './store'
import type { Frame } from './useFrame'
import { drawnOf } from './useGraph'

const YamlPane = lazy(() => import('./YamlPane').then((module) => ({ default: module.YamlPane })))
const Inspector = lazy(() => import('./Inspector').then((module) => ({ default: module.Inspector })))
const LinkInspector = lazy(() => import('./LinkInspector').then((module) => ({ default: module.LinkInspector })))

/** What stands beside the canvas: the YAML, or what is selected. */
export function Beside({ frame }: { frame: Frame }) {
  const { byType, graph, run, chosen, yaml, open, unselect, editing } = frame
  const { select } = useEditorStore().getState()
  const showsNode = useLater(chosen.node !== undefined)
  const loading = (
    <aside className={classes.inspector}>
      <Loading />
    </aside>
  )
  return (
    <Suspense fallback={loading}>
      {yaml.isOpen && <YamlPane actions={byType} onClose={yaml.close} />}
      {chosen.node && showsNode && !yaml.isOpen && (
        <Inspector
          key={chosen.node.key}
          node={chosen.node}
          drawn={drawnOf(graph, chosen.node.key)}
          action={byType.get(chosen.node.type)}
          graph={graph}
          run={run}
          onOpen={() => open(chosen.node?.key)}
          onClose={unselect}
          onRenamed={(key) => select({ nodes: [key], links: [] })}
        />
      )}
      {chosen.link && !yaml.isOpen && (
        <LinkInspector link={chosen.link} graph={graph} run={run} onClose={unselect} onRemove={editing.remove} />
      )}
    </Suspense>
  )
}

const BESIDE_MS = 220

/** True a moment after something is wanted: a second click must still hit the node, not what opens beside it. */
function useLater(wanted: boolean): boolean {
  const [isOn, setOn] = useState(false)
  useEffect(() => {
    if (!wanted) return setOn(false)
    const timer = setTimeout(() => setOn(true), BESIDE_MS)
    return () => clearTimeout(timer)
  }, [wanted])
  return wanted && isOn
}
