import { useEffect, useMemo, useState } from 'react'
import { arrange } from './arrange'
import { type CanvasGraph, type CanvasNode, heightOf, NEXT, WIDTH } from './graph'
import type { Place } from './layout'

export type Places = Map<string, Place>

/** Where the nodes of a graph are: where the document says, else where the layout puts them. Null until that is known. */
export function usePlaces(graph: CanvasGraph): Places | null {
  const [made, setMade] = useState<Places>(new Map())
  const homeless = useMemo(() => graph.nodes.filter((node) => !node.position && !made.has(node.key)), [graph, made])
  // Where most nodes have a place already, the rest joins them; else all is laid out anew.
  const few = homeless.length > 0 && homeless.length <= graph.nodes.length / 2
  useEffect(() => {
    if (homeless.length === 0) return
    if (few) {
      setMade((made) => new Map([...made, ...beside(graph, homeless, made)]))
      return
    }
    let wanted = true
    arrange(graph).then((places) => wanted && setMade(places))
    return () => {
      wanted = false
    }
  }, [graph, homeless, few])
  return useMemo(() => {
    if (homeless.length > 0 && !few) return null
    const places: Places = new Map()
    for (const node of graph.nodes) {
      const place = node.position ?? made.get(node.key)
      if (place) places.set(node.key, place)
    }
    return places
  }, [graph, made, homeless, few])
}

/** Places beside what leads to each node, where nothing stands yet. */
export function beside(graph: CanvasGraph, homeless: CanvasNode[], made: Places): Places {
  const taken: Places = new Map(made)
  for (const node of graph.nodes) if (node.position) taken.set(node.key, node.position)
  const places: Places = new Map()
  for (const node of homeless) {
    const before = graph.links.find((link) => link.to === node.key && taken.has(link.from))
    const from = before ? taken.get(before.from) : undefined
    const place = freePlace(from ? { x: from.x + WIDTH + NEXT, y: from.y } : { x: 0, y: 0 }, heightOf(node), taken)
    places.set(node.key, place)
    taken.set(node.key, place)
  }
  return places
}

/** The first place from `wanted` downwards where a node of this height covers no other. */
export function freePlace(wanted: Place, height: number, taken: Places): Place {
  const others = [...taken.values()]
  const covers = (y: number) =>
    others.some((other) => Math.abs(other.x - wanted.x) < WIDTH + 16 && other.y < y + height + 16 && y < other.y + 96)
  let y = wanted.y
  while (covers(y)) y += 24
  return { x: wanted.x, y }
}
