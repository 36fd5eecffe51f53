/** What a team is doing now, and when it will be free: read from the state, never stored. */
import type { Offer, State, Team } from './state'

export type Doing = 'free' | 'asked' | 'driving' | 'handling' | 'resting' | 'off_duty'
export type Busy = { doing: Doing; caseId: string | null; offer: Offer | null }

/** How long a visit usually takes, until today's own figure is known. */
export const USUAL_VISIT_S = 25 * 60

/** Per team id. One pass over offers and cases: this is asked with every frame. */
export function busyOf(state: State): Map<string, Busy> {
  const busy = new Map<string, Busy>()
  const accepted = new Map<string, Offer>()
  for (const offer of state.offers.values()) {
    if (offer.state === 'offered') busy.set(offer.team_id, { doing: 'asked', caseId: offer.case_id, offer })
    if (offer.state === 'accepted') accepted.set(`${offer.case_id}/${offer.team_id}`, offer)
  }
  for (const one of state.cases.values()) {
    if (!one.team_id || (one.stage !== 'dispatched' && one.stage !== 'handling')) continue
    const offer = accepted.get(`${one.id}/${one.team_id}`) ?? null
    busy.set(one.team_id, { doing: one.stage === 'dispatched' ? 'driving' : 'handling', caseId: one.id, offer })
  }
  return busy
}

export function doing(team: Team, busy: Map<string, Busy>): Doing {
  return busy.get(team.id)?.doing ?? (team.state === 'on_duty' ? 'free' : team.state)
}

/** About when the team will be free (ms); null when it is free, off duty, or nobody can say. */
export function freeAt(
  state: State,
  team: Team,
  busy: Map<string, Busy>,
  now: number,
  visitS = USUAL_VISIT_S,
): number | null {
  const what = busy.get(team.id)
  if (!what || what.doing === 'asked') return null
  const since = Date.parse(state.cases.get(what.caseId ?? '')?.stage_since ?? '')
  if (Number.isNaN(since)) return null
  const driveS = what.doing === 'driving' ? (what.offer?.eta_s ?? 15 * 60) : 0
  return Math.max(since + (driveS + visitS) * 1000, now + (what.doing === 'driving' ? visitS * 1000 : 60_000))
}
