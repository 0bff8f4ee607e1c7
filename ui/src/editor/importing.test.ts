import { expect, test } from 'vitest'
import { separate } from './importing'

test.each([
  ['id: a\n', 1],
  ['id: a\n---\nid: b\n', 2],
  ['- id: a\n- id: b\n', 2],
  ['{"id": "a", "nodes": []}', 1],
])('%j holds %d', (text, count) => expect(separate(text)).toHaveLength(count))
