export interface Area {
  x: number
  y: number
  width: number
  height: number
}

/** The smallest area that has them all in it. */
export function areaOf(boxes: Area[]): Area {
  if (boxes.length === 0) return { x: 0, y: 0, width: 1, height: 1 }
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const box of boxes) {
    left = Math.min(left, box.x)
    top = Math.min(top, box.y)
    right = Math.max(right, box.x + box.width)
    bottom = Math.max(bottom, box.y + box.height)
  }
  return { x: left, y: top, width: right - left, height: bottom - top }
}

const MARGIN = 12

/** How an area fits into a picture, in its middle: a place of the area times `scale`, plus `left` and `top`, is its place in the picture. */
export function fitInto(
  area: Area,
  size: { width: number; height: number },
): { scale: number; left: number; top: number } {
  const room = { width: size.width - 2 * MARGIN, height: size.height - 2 * MARGIN }
  const scale = Math.min(room.width / area.width, room.height / area.height)
  return {
    scale,
    left: (size.width - area.width * scale) / 2 - area.x * scale,
    top: (size.height - area.height * scale) / 2 - area.y * scale,
  }
}
