/** Clocks and lights (DOMAIN §6): green to 80 % of the time, then yellow, red when over; what is due next decides the queue. */
import type { Case, Clock, Offer, State } from './live/state'

export type Light = 'red' | 'yellow' | 'green' | 'paused' | 'none'
export const CLOSED = new Set(['assisted', 'refused', 'voided', 'joined'])
/** Colour is never the only sign. */
export const SIGN: Record<Light, string> = { red: '▲', yellow: '◆', green: '●', paused: '‖', none: '·' }
const WORST: Record<Light, number> = { red: 0, yellow: 1, green: 2, paused: 3, none: 4 }

export function light(clock: Clock, now: number): Light {
  if (clock.ended_at) return 'none'
  if (clock.paused_at) return 'paused'
  if (now > Date.parse(clock.due_at)) return 'red'
  return now > Date.parse(clock.yellow_at) ? 'yellow' : 'green'
}

/** One line of the queue: the case, its running clocks, the one that is due first, its live offer. */
export type Due = { case: Case; clock: Clock | null; light: Light; dueS: number | null; offer: Offer | null }

const RANK: Record<string, number> = { critical: 0, high: 1, normal: 2 }

/** Open cases, what must be decided next on top: alarms first, then by what is due next, then by priority. */
export function queue(state: State, now: number): Due[] {
  const clocks = new Map<string, Clock[]>()
  for (const clock of state.clocks.values()) {
    if (clock.ended_at) continue
    const of = clocks.get(clock.case_id)
    if (of) of.push(clock)
    else clocks.set(clock.case_id, [clock])
  }
  const offers = new Map<string, Offer>()
  for (const offer of state.offers.values()) if (offer.state === 'offered') offers.set(offer.case_id, offer)
  const lines: Due[] = []
  for (const one of state.cases.values()) {
    if (!CLOSED.has(one.stage)) lines.push(due(one, clocks.get(one.id) ?? [], offers.get(one.id) ?? null, now))
  }
  return lines.sort(compare)
}

function due(one: Case, clocks: Clock[], offer: Offer | null, now: number): Due {
  // The whole case's clock runs over all steps; the step's own one says what is next, unless the whole is nearer.
  const running = clocks.filter(clock => !clock.paused_at).sort((a, b) => Date.parse(a.due_at) - Date.parse(b.due_at))
  const first = running[0] ?? clocks[0] ?? null
  const worst = clocks.map(clock => light(clock, now)).sort((a, b) => WORST[a] - WORST[b])[0] ?? 'none'
  return { case: one, clock: first, light: worst, dueS: first ? (Date.parse(first.due_at) - now) / 1000 : null, offer }
}

function compare(a: Due, b: Due): number {
  const suspended = Number(a.case.stage === 'suspended') - Number(b.case.stage === 'suspended')
  const alarm = Number(!a.case.alarm) - Number(!b.case.alarm)
  const byDue = (a.dueS ?? Infinity) - (b.dueS ?? Infinity)
  const rank = (RANK[a.case.priority] ?? 3) - (RANK[b.case.priority] ?? 3)
  return suspended || alarm || (Number.isNaN(byDue) ? 0 : byDue) || rank || a.case.number - b.case.number
}
