import { expect, test } from 'vitest'
import { areaOf, fitInto } from './area'
import { gapAt } from './Dots'

test('an area has all boxes in it', () => {
  const box = (x: number, y: number) => ({ x, y, width: 10, height: 5 })
  expect(areaOf([box(0, 0), box(-20, 40), box(30, 7)])).toEqual({ x: -20, y: 0, width: 60, height: 45 })
  expect(areaOf([])).toEqual({ x: 0, y: 0, width: 1, height: 1 })
})

test.each([
  [{ x: 100, y: 0, width: 1760, height: 10 }, 0.1],
  [{ x: -5, y: -900, width: 10, height: 1260 }, 0.1],
])('an area stands in the middle of its picture, as large as it can be', (area, scale) => {
  const fit = fitInto(area, { width: 200, height: 150 })
  expect(fit.scale).toBeCloseTo(scale)
  expect((area.x + area.width / 2) * fit.scale + fit.left).toBeCloseTo(100)
  expect((area.y + area.height / 2) * fit.scale + fit.top).toBeCloseTo(75)
})

test.each([
  [1, 22],
  [2, 44],
  [0.5, 22],
  [0.1, 17.6],
])('at zoom %f dots are %f apart', (zoom, gap) => expect(gapAt(zoom)).toBeCloseTo(gap))
