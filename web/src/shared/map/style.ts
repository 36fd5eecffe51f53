/** The base map: our own vector tiles, in the colours of the theme. No outside service, no font files (Chinese is drawn by the browser). */
import type { StyleSpecification } from 'maplibre-gl'

type Bounds = [number, number, number, number]
export type CityOnMap = {
  tiles: string
  bounds: Bounds
  roads_bounds: Bounds | null
  attribution: string
  min_zoom: number
}

export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

const MAIN = ['motorway', 'trunk', 'primary', 'motorway_link', 'trunk_link']
const MIDDLE = ['secondary', 'tertiary', 'primary_link', 'secondary_link', 'tertiary_link']

/** Before anything live is drawn upon it. */
export function baseStyle(city: CityOnMap): StyleSpecification {
  const [label, halo] = [colour('map-label'), colour('map-halo')]
  const named = (size: number): Record<string, unknown> => ({
    'text-field': ['get', 'name'],
    'text-size': size,
    'text-font': ['Noto Sans CJK SC'],
  })
  const wide = (narrow: number, broad: number): Record<string, unknown> => ({
    'line-color': colour('map-street'),
    'line-width': ['interpolate', ['exponential', 1.5], ['zoom'], 9, narrow, 17, broad],
  })
  const streets = (id: string, classes: string[] | null, paint: Record<string, unknown>, minzoom = 5): Record<string, unknown> => ({
    id, type: 'line', source: 'city', 'source-layer': 'streets', minzoom, paint, layout: { 'line-cap': 'round', 'line-join': 'round' },
    filter: classes ? ['in', ['get', 'class'], ['literal', classes]] : ['!', ['in', ['get', 'class'], ['literal', [...MAIN, ...MIDDLE]]]],
  }) // prettier-ignore
  const layers = [
    { id: 'ground', type: 'background', paint: { 'background-color': colour('map-water') } },
    {
      id: 'land',
      type: 'fill',
      source: 'city',
      'source-layer': 'regions',
      filter: ['==', ['get', 'level'], 'district'],
      paint: { 'fill-color': colour('map-land') },
    },
    streets('streets-small', null, wide(0.3, 6), 12),
    streets('streets-middle', MIDDLE, wide(0.6, 10), 9),
    streets('streets-main', MAIN, wide(1.2, 14)),
    {
      id: 'region-lines',
      type: 'line',
      source: 'city',
      'source-layer': 'regions',
      filter: ['==', ['get', 'level'], 'district'],
      paint: { 'line-color': colour('soft'), 'line-width': 1.2, 'line-dasharray': [4, 3], 'line-opacity': 0.7 },
    },
    {
      id: 'street-names',
      type: 'symbol',
      source: 'city',
      'source-layer': 'streets',
      minzoom: 12.5,
      filter: ['has', 'name'],
      layout: { ...named(12), 'symbol-placement': 'line', 'symbol-spacing': 320 },
      paint: { 'text-color': label, 'text-halo-color': halo, 'text-halo-width': 1.4 },
    },
    {
      id: 'region-names',
      type: 'symbol',
      source: 'city',
      'source-layer': 'region_names',
      maxzoom: 15,
      filter: ['==', ['get', 'level'], 'district'],
      layout: { ...named(15), 'text-allow-overlap': true },
      paint: { 'text-color': label, 'text-halo-color': halo, 'text-halo-width': 1.6, 'text-opacity': 0.85 },
    },
  ]
  const source = {
    type: 'vector',
    tiles: [new URL(city.tiles, location.href).href.replaceAll('%7B', '{').replaceAll('%7D', '}')],
    minzoom: city.min_zoom,
    maxzoom: 15,
    bounds: city.bounds,
    attribution: city.attribution,
  }
  return { version: 8, sources: { city: source }, layers } as unknown as StyleSpecification
}
