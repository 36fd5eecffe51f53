/** What the phone shows of a sweep: the server's last tour with what was said on this phone laid over it. Begin at `projectSweep`. Pure.
 *
 * A look counts when the server counted it, by the track. So nothing is laid over the tour but what the crew said by hand and the server
 * does not have yet: then the next stop is next, also without a network. */
import type { Action } from '../queue/store'
import { metresBetween, type Place } from './places'
import type { Sweep, Stop } from './sweep-shapes'

/** askedAt: the phone's own time (ms) at which the server was asked. */
export type KeptSweep = { who: string; askedAt: number; sweep: Sweep }
export type SweepView = {
  campaign: Sweep['campaign']
  /** The stops that are still before the team, in their order. */
  stops: readonly Stop[]
  /** How many of the tour are done. */
  done: number
  /** Said on this phone and not at the server yet: by hand, or that it cannot be reached. */
  waits: readonly Action[]
  plannedAt: string | null
}
export const SWEEP_KINDS = ['sweep_look', 'sweep_pass'] as const

/** who: the account that is signed in. Null while nothing is known. */
export function projectSweep(kept: KeptSweep | null, actions: readonly Action[], who: string): SweepView | null {
  if (!kept || kept.who !== who) return null
  const { campaign, tour } = kept.sweep
  const mine = actions.filter(one => one.who === who && SWEEP_KINDS.includes(one.kind as 'sweep_look') && one.body.campaign_id === campaign?.id) // prettier-ignore
  const said = new Set(mine.filter(one => isNews(one, kept.askedAt)).map(one => String(one.body.cell)))
  const all = tour?.stops ?? []
  // Those that are done stand behind those that are not.
  const stops = all.slice(0, tour?.left ?? 0).filter(stop => !said.has(stop.cell))
  const waits = mine.filter(one => one.state === 'waiting')
  return { campaign, stops, done: all.length - stops.length, waits, plannedAt: tour?.planned_at ?? null }
}
/** Waiting, or sent since the server was asked: its answer does not show it yet. */
const isNews = (one: Action, askedAt: number): boolean =>
  one.state === 'waiting' || (one.state === 'sent' && (one.sentAt ?? 0) >= askedAt)

type Told = { kind: string; data: { rows?: Record<string, Record<string, unknown>[]> } }
/** The cells that the server ticked by the own team's track, as an event tells it. */
export const tickedBy = (event: Told, teamId: string | null): string[] =>
  event.kind !== 'sweep.looked' || !teamId
    ? []
    : (event.data.rows?.sweep_looks ?? [])
        .filter(look => look.team_id === teamId && look.by === 'track' && !look.refuted_at)
        .map(look => String(look.cell))

/** A place within the outline, or as near to the stop as the server counts (`near_m` of the policy). */
export function isThere(place: Place, stop: Stop, nearM: number): boolean {
  return metresBetween(place, stop) <= nearM || isInside(place, stop.boundary)
}

function isInside({ lon, lat }: Place, ring: readonly (readonly number[])[]): boolean {
  let inside = false
  for (let n = 0, m = ring.length - 1; n < ring.length; m = n, n += 1) {
    const [[x1, y1], [x2, y2]] = [ring[n] as [number, number], ring[m] as [number, number]]
    if (y1 > lat !== y2 > lat && lon < ((x2 - x1) * (lat - y1)) / (y2 - y1) + x1) inside = !inside
  }
  return inside
}
