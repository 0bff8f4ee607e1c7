import { type Arrow, type Box, layout } from './layout'

export interface Question {
  id: number
  boxes: Box[]
  arrows: Arrow[]
}

export interface Reply {
  id: number
  places: [string, { x: number; y: number }][]
}

self.onmessage = (event: MessageEvent<Question>) => {
  const { id, boxes, arrows } = event.data
  const reply: Reply = { id, places: [...layout(boxes, arrows)] }
  self.postMessage(reply)
}
