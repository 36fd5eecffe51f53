/** Sweep cells, tours and warned ground as maps draw them. How a cell stands is told by pattern, letter and outline; colour says it again. */
import { colour } from '@/shared/map/style'
import { standing, stopsLeft, type Ground, type Standing } from '../campaign/ground'
import type { Cell } from '../campaign/shapes'
import { cellShape } from './circle'

export const COLOUR_OF: Readonly<Record<Standing, string>> = {
  covered: 'free',
  leased: 'driving',
  due: 'asked',
  overdue: 'red',
  dropped: 'resting',
}
/** Before the word of how a cell stands, in lists and in the legend. */
export const SIGN_OF: Readonly<Record<Standing, string>> = {
  covered: '✓',
  leased: '◉',
  due: '○',
  overdue: '▲',
  dropped: '×',
}
type Features = { type: 'FeatureCollection'; features: unknown[] }
type Point = [lon: number, lat: number]
const all = (features: unknown[]): Features => ({ type: 'FeatureCollection', features })

/** letter: what stands inside a cell: a sign, or the code of the team that holds it. */
export function cellFeatures(
  grounds: Iterable<Ground>,
  now: number,
  letter: (cell: Cell, stands: Standing) => string,
): Features {
  const features: unknown[] = []
  for (const ground of grounds)
    for (const cell of ground.cells.values()) {
      const stands = standing(cell, now)
      features.push(cellShape(cell.cell, { cell: cell.cell, campaign: ground.campaignId, stands, pattern: `sweep-${stands}`, letter: letter(cell, stands) })) // prettier-ignore
    }
  return all(features)
}

/** The lines of the tours, from where each team is, over the stops that are still before it; the stops with their order. */
export function tourFeatures(
  ground: Ground,
  placeOf: (teamId: string) => { lon: number; lat: number } | undefined,
  named: (teamId: string) => string,
  chosen: string | null,
): { lines: Features; stops: Features } {
  const lines: unknown[] = []
  const stops: unknown[] = []
  for (const tour of ground.tours.values()) {
    const ahead = stopsLeft(ground, tour)
    const from = placeOf(tour.team_id)
    const way: Point[] = [...(from ? [from] : []), ...ahead].map(one => [one.lon, one.lat])
    const is = chosen === null ? 'one' : chosen === tour.team_id ? 'chosen' : 'other'
    if (way.length > 1)
      lines.push({ type: 'Feature', geometry: { type: 'LineString', coordinates: way }, properties: { name: named(tour.team_id), is } }) // prettier-ignore
    ahead.forEach((cell, n) =>
      stops.push({ type: 'Feature', geometry: { type: 'Point', coordinates: [cell.lon, cell.lat] }, properties: { n: String(n + 1), is, cell: cell.cell } }),
    ) // prettier-ignore
  }
  return { lines: all(lines), stops: all(stops) }
}

type Layer = Record<string, unknown>
const STANDS: readonly Standing[] = ['covered', 'leased', 'due', 'overdue', 'dropped']
const WIDTH: Readonly<Record<Standing, number>> = { covered: 0.8, leased: 2.5, due: 1.2, overdue: 2.5, dropped: 1 }
const DASH: Readonly<Partial<Record<Standing, number[]>>> = { due: [2, 2], dropped: [1, 3] }

/** Under the names of streets: the ground and its cells. */
export function sweepGroundLayers(): Layer[] {
  return [
    { id: 'warned', type: 'fill', source: 'warned', paint: { 'fill-color': colour('accent'), 'fill-opacity': 0.05 } },
    { id: 'sweep-cells', type: 'fill', source: 'sweep', paint: { 'fill-pattern': ['get', 'pattern'] } },
    ...STANDS.map(stands => ({
      id: `sweep-lines-${stands}`,
      type: 'line',
      source: 'sweep',
      filter: ['==', ['get', 'stands'], stands],
      paint: {
        'line-color': colour(COLOUR_OF[stands]),
        'line-width': ['interpolate', ['linear'], ['zoom'], 10, WIDTH[stands] * 0.5, 14, WIDTH[stands]],
        ...(DASH[stands] && { 'line-dasharray': DASH[stands] }),
      },
    })),
    { id: 'warned-line', type: 'line', source: 'warned', paint: { 'line-color': colour('accent'), 'line-width': 2.5, 'line-dasharray': [6, 2, 1, 2] } },
  ] // prettier-ignore
}

/** Above them: tours, their order, the letters. */
export function sweepTourLayers(): Layer[] {
  const font = { 'text-font': ['Noto Sans CJK SC'] }
  const halo = { 'text-color': colour('text'), 'text-halo-color': colour('map-halo'), 'text-halo-width': 1.6 }
  const strong = (chosen: number, one: number, other: number) => [
    'match',
    ['get', 'is'],
    'chosen',
    chosen,
    'one',
    one,
    other,
  ]
  return [
    {
      id: 'sweep-letters',
      type: 'symbol',
      source: 'sweep',
      minzoom: 12.6,
      layout: { ...font, 'text-field': ['get', 'letter'], 'text-size': 12, 'text-padding': 0 },
      paint: halo,
    },
    {
      id: 'tours',
      type: 'line',
      source: 'tours',
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': colour('handling'), 'line-width': strong(5, 2.5, 1.5), 'line-opacity': strong(0.95, 0.75, 0.35) },
    },
    {
      id: 'tour-names',
      type: 'symbol',
      source: 'tours',
      minzoom: 11,
      layout: { ...font, 'text-field': ['get', 'name'], 'text-size': 12, 'symbol-placement': 'line', 'symbol-spacing': 260 },
      paint: { ...halo, 'text-color': colour('handling') },
    },
    {
      id: 'stops',
      type: 'circle',
      source: 'stops',
      minzoom: 11.5,
      filter: ['!=', ['get', 'is'], 'other'],
      paint: { 'circle-radius': 8, 'circle-color': colour('panel'), 'circle-stroke-color': colour('handling'), 'circle-stroke-width': 1.8 },
    },
    {
      id: 'stop-numbers',
      type: 'symbol',
      source: 'stops',
      minzoom: 11.5,
      filter: ['!=', ['get', 'is'], 'other'],
      layout: { ...font, 'text-field': ['get', 'n'], 'text-size': 11, 'text-allow-overlap': true },
      paint: { 'text-color': colour('text') },
    },
    {
      id: 'sweep-chosen',
      type: 'line',
      source: 'sweep',
      filter: ['==', ['get', 'cell'], ''],
      paint: { 'line-color': colour('text'), 'line-width': 4 },
    },
  ] // prettier-ignore
}

const TILE = 12
/** Patterns that lie side by side without a seam: strokes leave the square where they come in again. */
export function sweepPattern(context: CanvasRenderingContext2D, stands: Standing): void {
  const half = TILE / 2
  context.strokeStyle = context.fillStyle = colour(COLOUR_OF[stands])
  context.globalAlpha = { covered: 0.32, leased: 0.2, due: 0.08, overdue: 0.14, dropped: 0.04 }[stands]
  context.fillRect(-half, -half, TILE, TILE)
  context.globalAlpha = 0.75
  context.lineWidth = 1.6
  context.beginPath()
  const line = (x1: number, y1: number, x2: number, y2: number) => {
    context.moveTo(x1, y1)
    context.lineTo(x2, y2)
  }
  if (stands === 'overdue') for (const by of [-TILE, 0, TILE]) line(-half + by - 2, half + 2, half + by + 2, -half - 2)
  if (stands === 'leased') line(0, -half, 0, half)
  if (stands === 'due') context.arc(0, 0, 0.9, 0, Math.PI * 2)
  if (stands === 'dropped') {
    line(-2, -2, 2, 2)
    line(-2, 2, 2, -2)
  }
  context.stroke()
}
export const SWEEP_TILE_PX = TILE
