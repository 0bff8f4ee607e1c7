import { type CanvasGraph, heightOf, WIDTH } from './graph'
import type { Place } from './layout'
import type { Question, Reply } from './layout.worker'

let worker: Worker | undefined
let asked = 0
const waiting = new Map<number, (places: Map<string, Place>) => void>()

function theWorker(): Worker {
  if (worker) return worker
  worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' })
  worker.onmessage = (event: MessageEvent<Reply>) => {
    waiting.get(event.data.id)?.(new Map(event.data.places))
    waiting.delete(event.data.id)
  }
  return worker
}

/** Lays a graph out, away from the page's own thread. */
export function arrange(graph: CanvasGraph): Promise<Map<string, Place>> {
  const id = ++asked
  const question: Question = {
    id,
    boxes: graph.nodes.map((node) => ({ key: node.key, width: WIDTH, height: heightOf(node) })),
    arrows: graph.links.map((link) => ({ from: link.from, to: link.to })),
  }
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    theWorker().postMessage(question)
  })
}
