/**
 * The desk of a station as one window knows it: asked once, then changed by what events tell (I11). Pure. Begin at `after`.
 *
 * Whoever comes, goes or is referred moves places and lists, so that the desk is asked for again: one small question about one house.
 * Everything else - a deadline met, a name found - changes the line it is about.
 */
import type { LiveEvent } from '@/shared/live/state'
import { light, type Light } from '@/shared/lights'
import type { Deadline, Desk, OnTheWay, StayShown } from './shapes'

type Row = Record<string, unknown>
const rowsOf = (event: LiveEvent, table: string): Row[] => event.data.rows?.[table] ?? []

export const concerns = (facilityId: string, event: LiveEvent): boolean =>
  Array.isArray(event.data.facilities) && event.data.facilities.includes(facilityId)

/** The desk after an event; 'ask' when only the server can say. The same object when nothing of it changed. */
export function after(desk: Desk, event: LiveEvent): Desk | 'ask' {
  if (!concerns(desk.facility_id, event)) return desk
  const known = new Map([...desk.present, ...desk.left].map(one => [one.id, one]))
  const moved = rowsOf(event, 'stays').some(row => !known.has(String(row.id)) || 'state' in row)
  if (moved || event.kind.startsWith('referral.')) return 'ask'
  const present = desk.present.map(one => changed(one, event))
  return present.some((one, n) => one !== desk.present[n]) ? { ...desk, present } : desk
}

/** One line with what the event says of its stay, its person and its deadlines. */
function changed(stay: StayShown, event: LiveEvent): StayShown {
  const own = rowsOf(event, 'stays').find(row => row.id === stay.id)
  const person = rowsOf(event, 'persons').find(row => row.id === stay.person.id)
  const clocks = rowsOf(event, 'stay_clocks')
  const deadlines = withClocks(stay, clocks)
  if (!own && !person && deadlines === stay.deadlines) return stay
  return {
    ...stay,
    ...(own as Partial<StayShown>),
    person: { ...stay.person, ...(person as Partial<StayShown['person']>) },
    deadlines,
  }
}

function withClocks(stay: StayShown, clocks: Row[]): Deadline[] {
  const mine = new Map(stay.deadlines.map(one => [one.id, one]))
  const own = clocks.filter(row => mine.has(String(row.id)) || row.stay_id === stay.id)
  if (!own.length) return stay.deadlines
  for (const row of own) mine.set(String(row.id), { ...mine.get(String(row.id))!, ...(row as Partial<Deadline>) })
  return [...mine.values()].sort((a, b) => a.due_at.localeCompare(b.due_at))
}

/** A line of who is here: what is due next, its light, seconds left (negative: over). */
export type Line = { stay: StayShown; next: Deadline | null; light: Light; dueS: number | null }

export const lightOf = (one: { due_at: string; yellow_at: string; ended_at?: string | null }, now: number): Light =>
  light({ ...one, ended_at: one.ended_at ?? null, paused_at: null } as Parameters<typeof light>[0], now)

export const open = (deadlines: readonly Deadline[]): Deadline[] =>
  deadlines.filter(one => !one.ended_at).sort((a, b) => a.due_at.localeCompare(b.due_at))

/** Who is here, what is due first on top; who has nothing due comes last, in the order they came. */
export function lines(stays: readonly StayShown[], now: number): Line[] {
  return stays
    .map(stay => {
      const next = open(stay.deadlines)[0] ?? null
      const dueS = next ? (Date.parse(next.due_at) - now) / 1000 : null
      return { stay, next, light: next ? lightOf(next, now) : ('none' as const), dueS }
    })
    .sort(
      (a, b) => (a.dueS ?? Infinity) - (b.dueS ?? Infinity) || a.stay.arrived_at.localeCompare(b.stay.arrived_at) || 0,
    )
}

const STEP: Record<string, number> = { arrived: 0, handed_over: 1, offered: 2, accepted: 3 }
/** Who stands at the door first, then who waits for a yes, then who is on the way; of each, what is due first. */
export const inOrder = (coming: readonly OnTheWay[]): OnTheWay[] =>
  [...coming].sort(
    (a, b) =>
      (STEP[a.referral.state] ?? 9) - (STEP[b.referral.state] ?? 9) ||
      (a.due_at ?? '').localeCompare(b.due_at ?? '') ||
      a.referral.number - b.referral.number,
  )

/** When somebody on the way should be at the door, if the way was told. */
export function arrivesAt(one: OnTheWay): number | null {
  const { answered_at, eta_s, state } = one.referral
  return state === 'accepted' && answered_at && eta_s !== null ? Date.parse(answered_at) + eta_s * 1000 : null
}
