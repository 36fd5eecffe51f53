/** What is drawn upon the base map: sources and layers, made once per style, filled by LiveMap. */
import type { GeoJSONSource, Map as GlMap } from 'maplibre-gl'
import { addSigns } from './images'
import { colour } from '@/shared/map/style'
import { STANDINGS } from '../campaign/ground'
import { sweepGroundLayers, sweepTourLayers } from './sweep'

export const LAYERS = ['cases', 'teams', 'circle', 'sweep', 'facilities', 'regions', 'sightings', 'tracks'] as const
export type LayerName = (typeof LAYERS)[number]
/** Which drawn layers a switch governs. */
export const DRAWN: Record<LayerName, string[]> = {
  circle: ['circle-cells', 'circle-gaps', 'circle-gap-lines'],
  sweep: ['sweep-cells', ...STANDINGS.map(stands => `sweep-lines-${stands}`), 'sweep-letters'],
  sightings: ['sightings'],
  regions: ['region-lines', 'regions-all'],
  tracks: ['tracks'],
  facilities: ['facilities'],
  cases: ['cases', 'case-letters'],
  teams: ['teams'],
}
const NOTHING = { type: 'FeatureCollection' as const, features: [] }
const SOURCES = [
  'warned',
  'sweep',
  'tours',
  'stops',
  'circle',
  'gaps',
  'sightings',
  'tracks',
  'route',
  'facilities',
  'chosen',
  'cases',
  'teams',
  'distress',
] as const
export type SourceName = (typeof SOURCES)[number]

export function addOverlays(map: GlMap): void {
  addSigns(map)
  for (const name of SOURCES) map.addSource(name, { type: 'geojson', data: NOTHING })
  const below = map.getLayer('street-names') ? 'street-names' : undefined
  const text = {
    'text-font': ['Noto Sans CJK SC'],
    'text-size': 12,
    'text-offset': [0, 1.5],
    'text-anchor': 'top',
    'text-optional': true,
  }
  const halo = { 'text-color': colour('text'), 'text-halo-color': colour('map-halo'), 'text-halo-width': 1.5 }
  const add = (layer: Record<string, unknown>, before?: string): void => void map.addLayer(layer as never, before)
  add(
    {
      id: 'circle-cells',
      type: 'fill',
      source: 'circle',
      paint: {
        'fill-opacity': ['interpolate', ['linear'], ['zoom'], 10, 0.24, 15, 0.1],
        'fill-outline-color': colour('line'),
        'fill-color': ['step', ['get', 'minutes'], colour('free'), 10, colour('driving'), 20, colour('asked')],
      },
    },
    below,
  )
  add(
    { id: 'circle-gaps', type: 'fill', source: 'gaps', paint: { 'fill-color': colour('red'), 'fill-opacity': 0.16 } },
    below,
  )
  add(
    {
      id: 'circle-gap-lines',
      type: 'line',
      source: 'gaps',
      paint: { 'line-color': colour('red'), 'line-width': 2, 'line-dasharray': [3, 2] },
    },
    below,
  )
  add(
    {
      id: 'sightings',
      type: 'fill',
      source: 'sightings',
      paint: {
        'fill-color': colour('handling'),
        'fill-opacity': ['interpolate', ['linear'], ['get', 'count'], 1, 0.15, 10, 0.65],
      },
    },
    below,
  )
  add(
    {
      id: 'regions-all',
      type: 'line',
      source: 'city',
      'source-layer': 'regions',
      minzoom: 11,
      filter: ['in', ['get', 'level'], ['literal', ['street', 'community']]],
      paint: { 'line-color': colour('soft'), 'line-width': 0.8, 'line-opacity': 0.6 },
    },
    below,
  )
  for (const layer of sweepGroundLayers()) add(layer, below)
  add({
    id: 'tracks',
    type: 'line',
    source: 'tracks',
    paint: { 'line-color': colour('driving'), 'line-width': 1.6, 'line-opacity': 0.55 },
  })
  add({
    id: 'route',
    type: 'line',
    source: 'route',
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colour('accent'), 'line-width': 5, 'line-opacity': 0.85 },
  })
  for (const layer of sweepTourLayers()) add(layer)
  add({
    id: 'facilities',
    type: 'symbol',
    source: 'facilities',
    layout: {
      'icon-image': ['get', 'sign'],
      'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.55, 14, 1],
      'icon-allow-overlap': true,
      'text-field': ['step', ['zoom'], '', 13.5, ['get', 'name']],
      ...text,
    },
    paint: halo,
  })
  add({
    id: 'teams',
    type: 'symbol',
    source: 'teams',
    layout: {
      'icon-image': ['get', 'sign'],
      'icon-rotate': ['get', 'turn'],
      'icon-rotation-alignment': 'map',
      'icon-allow-overlap': true,
      'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.5, 14, 0.9],
      'text-field': ['step', ['zoom'], '', 12.5, ['get', 'name']],
      ...text,
    },
    paint: { ...halo, 'icon-opacity': ['case', ['get', 'stale'], 0.45, 1] },
  })
  add({
    id: 'chosen',
    type: 'symbol',
    source: 'chosen',
    layout: { 'icon-image': 'chosen', 'icon-allow-overlap': true },
  })
  add({
    id: 'cases',
    type: 'symbol',
    source: 'cases',
    layout: {
      'icon-image': ['get', 'sign'],
      'icon-allow-overlap': true,
      'symbol-z-order': 'source', // a sort key would be a draw call for each case: 2.5 times the time of a frame
      'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.65, 14, 1],
      'text-field': ['step', ['zoom'], '', 12, ['get', 'label']],
      ...text,
    },
    paint: halo,
  })
  add({
    id: 'case-letters',
    type: 'symbol',
    source: 'cases',
    minzoom: 11,
    layout: {
      'text-field': ['get', 'letter'],
      'text-size': 12,
      'text-font': text['text-font'],
      'text-allow-overlap': true,
      'symbol-z-order': 'source',
    },
    paint: { 'text-color': colour('panel') },
  })
  add({
    id: 'distress-ring',
    type: 'circle',
    source: 'distress',
    paint: {
      'circle-radius': 22,
      'circle-color': colour('red'),
      'circle-opacity': ['case', ['get', 'answered'], 0.12, 0.35],
      'circle-stroke-color': colour('red'),
      'circle-stroke-width': ['case', ['get', 'answered'], 2, 5],
    },
  })
  add({
    id: 'distress',
    type: 'symbol',
    source: 'distress',
    layout: {
      ...text,
      'text-field': ['get', 'label'],
      'text-size': 15,
      'text-offset': [0, 1.9],
      'text-allow-overlap': true,
    },
    paint: { ...halo, 'text-color': colour('red') },
  })
}

export function fill(map: GlMap, name: SourceName, data: unknown): void {
  const source = map.getSource(name) as GeoJSONSource | undefined
  source?.setData(data as never)
}

export function show(map: GlMap, name: LayerName, on: boolean): void {
  for (const layer of DRAWN[name])
    if (map.getLayer(layer)) map.setLayoutProperty(layer, 'visibility', on ? 'visible' : 'none')
}
