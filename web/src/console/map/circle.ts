/** The rescue circle as the map draws it: cells with minutes, gaps as outlined areas. Pure. */
import { cellsToMultiPolygon, cellToBoundary } from 'h3-js'
import type { Shapes } from '@/shared/api/client'

type CircleNow = Shapes['CircleNow']
type Feature = {
  type: 'Feature'
  geometry: { type: string; coordinates: unknown }
  properties: Record<string, unknown>
}
type Drawn = { type: 'FeatureCollection'; features: Feature[] }
// H3's boundaries do not change: each cell is worked out once.
const rings = new Map<string, number[][]>()

export function cellShape(cell: string, properties: Record<string, unknown>): Feature {
  let ring = rings.get(cell)
  if (!ring) {
    ring = cellToBoundary(cell, true)
    rings.set(cell, ring)
  }
  return { type: 'Feature', geometry: { type: 'Polygon', coordinates: [ring] }, properties }
}

export function cellsOf(circle: CircleNow): Drawn {
  const reached = circle.cells.filter(cell => cell.minutes !== null && cell.minutes <= circle.within_min)
  return {
    type: 'FeatureCollection',
    features: reached.map(cell => cellShape(cell.cell, { minutes: cell.minutes, team: cell.team_id })),
  }
}

export function gapsOf(circle: CircleNow): Drawn {
  const coordinates = circle.gaps.length ? cellsToMultiPolygon(circle.gaps, true) : []
  return {
    type: 'FeatureCollection',
    features: coordinates.length
      ? [{ type: 'Feature', geometry: { type: 'MultiPolygon', coordinates }, properties: {} }]
      : [],
  }
}
