/** State → points for the map. Pure; thousands of them, so nothing is made twice. */
import type { Busy } from '@/shared/live/doing'
import { doing } from '@/shared/live/doing'
import type { Place } from '@/shared/live/places'
import type { DistressCall, State } from '@/shared/live/state'
import type { Due } from '@/shared/lights'
import { SIGN } from '@/shared/lights'

type Point = {
  type: 'Feature'
  id: number
  geometry: { type: 'Point'; coordinates: [number, number] }
  properties: Record<string, unknown>
}
export type Points = { type: 'FeatureCollection'; features: Point[] }
/** A fix older than this no longer says where somebody is. */
export const STALE_MS = 5 * 60_000

const point = (id: number, lon: number, lat: number, properties: Record<string, unknown>): Point => ({
  type: 'Feature',
  id,
  geometry: { type: 'Point', coordinates: [lon, lat] },
  properties,
})

export function teamPoints(
  state: State,
  places: ReadonlyMap<string, Place>,
  busy: Map<string, Busy>,
  now: number,
): Points {
  const features: Point[] = []
  let id = 0
  for (const team of state.teams.values()) {
    id += 1
    const place = places.get(team.id)
    if (!place || team.state === 'off_duty') continue
    const what = doing(team, busy)
    const stale = now - place.at > STALE_MS
    const moving = place.headingDeg !== null
    features.push(
      point(id, place.lon, place.lat, {
        id: team.id,
        sign: `team-${what}${moving ? '' : '-still'}`,
        turn: place.headingDeg ?? 0,
        name: team.name,
        stale,
      }),
    )
  }
  return { type: 'FeatureCollection', features }
}

/**
 * say: a word of the group for a code. The letter inside the sign says the stage, its shape and colour the light. What is most
 * urgent comes last and so lies on top.
 */
export function casePoints(lines: readonly Due[], say: (group: string, code: string) => string): Points {
  const features = lines.map((line, n) =>
    point(n + 1, line.case.lon, line.case.lat, {
      id: line.case.id,
      sign: `case-${line.light}`,
      letter: say('letter', line.case.stage),
      label: `${SIGN[line.light]} ${String(line.case.number).slice(-4)} ${say('stage', line.case.stage)}`,
    }),
  )
  return { type: 'FeatureCollection', features: features.reverse() }
}

/** Crews that call for help; named: what stands at the place. Those without a position are in the banner alone. */
export function distressPoints(calls: readonly DistressCall[], named: (call: DistressCall) => string): Points {
  const features = calls.flatMap((call, n) =>
    call.lon === null || call.lat === null
      ? []
      : [point(n + 1, call.lon, call.lat, { id: call.id, label: named(call), answered: !!call.answered_at })],
  )
  return { type: 'FeatureCollection', features }
}
