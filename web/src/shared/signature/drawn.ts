/** A signature as strokes in a box of 1000 by 400, as the server keeps it (backend/referral/signature.py). */
export type Point = [number, number]
export type Drawn = { strokes: number[][][] }

export const WIDTH = 1000
export const HEIGHT = 400
const MOST_POINTS = 3000
const MOST_STROKES = 100
const LEAST_INK = 60
/** So far from a line a point may lie and be left out, in units of the box: less than a quarter of the pen. */
const NEAR = 1.5

const within = (value: number, most: number): number => Math.min(most, Math.max(0, Math.round(value)))

/** A place on the screen as a point of the box. */
export function pointIn(
  box: { left: number; top: number; width: number; height: number },
  x: number,
  y: number,
): Point {
  return [within(((x - box.left) / box.width) * WIDTH, WIDTH), within(((y - box.top) / box.height) * HEIGHT, HEIGHT)]
}

/** The same stroke without the points that lie on the line between their neighbours (Douglas and Peucker). */
export function simplified(stroke: Point[]): Point[] {
  if (stroke.length < 3) return stroke
  const first = stroke[0]!
  const last = stroke[stroke.length - 1]!
  let far = 0
  let at = 0
  stroke.forEach((point, n) => {
    const off = distance(point, first, last)
    if (off > far) [far, at] = [off, n]
  })
  if (far <= NEAR) return [first, last]
  return [...simplified(stroke.slice(0, at + 1)).slice(0, -1), ...simplified(stroke.slice(at))]
}
function distance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const long = Math.hypot(bx - ax, by - ay)
  if (!long) return Math.hypot(x - ax, y - ay)
  const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / (long * long)))
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
}

/** What was drawn, or null while it is no more than a slip of the finger. */
export function asDrawn(strokes: readonly Point[][]): Drawn | null {
  const kept: Point[][] = []
  let points = 0
  for (const stroke of strokes.map(one => simplified([...one])).slice(0, MOST_STROKES)) {
    points += stroke.length
    if (points > MOST_POINTS) break
    kept.push(stroke)
  }
  return ink(kept) < LEAST_INK ? null : { strokes: kept }
}
function ink(strokes: readonly Point[][]): number {
  let far = 0
  for (const stroke of strokes)
    for (let n = 1; n < stroke.length; n++) {
      const [before, now] = [stroke[n - 1]!, stroke[n]!]
      far += Math.hypot(now[0] - before[0], now[1] - before[1])
    }
  return far
}

/** A stroke as the path of an SVG, its corners rounded as a pen would: the same line as on paper. */
export function pathOf(stroke: readonly (readonly number[])[]): string {
  const [first, ...rest] = stroke
  if (!first) return ''
  if (!rest.length) return `M${first[0]} ${first[1]}h1`
  let path = `M${first[0]} ${first[1]}`
  for (let n = 0; n + 1 < rest.length; n++) {
    const [a, b] = [rest[n]!, rest[n + 1]!]
    path += `Q${a[0]} ${a[1]} ${(a[0]! + b[0]!) / 2} ${(a[1]! + b[1]!) / 2}`
  }
  const last = rest[rest.length - 1]!
  return `${path}L${last[0]} ${last[1]}`
}
