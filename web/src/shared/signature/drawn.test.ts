import { expect, test } from 'vitest'
import { asDrawn, pathOf, pointIn, simplified, type Point } from './drawn'

test('a place on the screen is a point of the box, and outside of it the edge', () => {
  const box = { left: 100, top: 50, width: 500, height: 200 }
  expect(pointIn(box, 350, 150)).toEqual([500, 200])
  expect(pointIn(box, 0, 900)).toEqual([0, 400])
})

test('points on a line are left out, corners stay', () => {
  const along: Point[] = Array.from({ length: 50 }, (_, n) => [n * 4, 100])
  const corner: Point[] = [...along, ...Array.from({ length: 50 }, (_, n): Point => [200, 100 + n * 4])]
  expect(simplified(along)).toEqual([
    [0, 100],
    [196, 100],
  ])
  expect(simplified(corner)).toHaveLength(3)
})

test('a slip of the finger is no signature', () => {
  expect(asDrawn([[[10, 10]]])).toBeNull()
  expect(asDrawn([[[10, 10], [30, 10]]])).toBeNull() // prettier-ignore
  expect(asDrawn([[[10, 10], [300, 10]]])).toEqual({ strokes: [[[10, 10], [300, 10]]] }) // prettier-ignore
})

test('never more points than the server takes', () => {
  const wild = Array.from({ length: 90 }, () => Array.from({ length: 400 }, (_, n): Point => [n * 2, n % 2 ? 0 : 400]))
  const drawn = asDrawn(wild)!
  expect(drawn.strokes.flat().length).toBeLessThanOrEqual(3000)
  expect(drawn.strokes.length).toBeGreaterThan(0)
})

test('a stroke is the same line as on paper', () => {
  expect(pathOf([[5, 6]])).toBe('M5 6h1')
  expect(pathOf([[0, 0], [10, 0], [20, 11]])).toBe('M0 0Q10 0 15 5.5L20 11') // prettier-ignore
})
