/** What an incident asks of whoever looks at it. Pure. Begin at `pressing`. */
import type { Shapes } from '@/shared/api/client'

export type Incident = Shapes['IncidentShown']
export type Recipient = Incident['recipients'][number]

/** Whether it waits for the reader's own acknowledgement. */
export const waitsForMe = (one: Incident): boolean =>
  one.state === 'open' && one.recipients.some(who => who.is_mine && who.state === 'waiting')

/** Levels that should have acknowledged by now. */
export const silent = (one: Incident, nowMs: number): Recipient[] =>
  one.recipients.filter(who => who.state === 'waiting' && Date.parse(who.due_at) <= nowMs)

/** Whether the report, or the next follow-up, should be there by now. */
export const isOverdue = (one: Incident, nowMs: number): boolean =>
  one.state === 'open' && !!one.due_at && Date.parse(one.due_at) <= nowMs

/** Those that stay above every desk: what waits for the reader first, then what is late; the oldest on top. */
export function pressing(all: readonly Incident[], nowMs: number): Incident[] {
  const rank = (one: Incident) => (waitsForMe(one) ? 0 : silent(one, nowMs).length || isOverdue(one, nowMs) ? 1 : 2)
  return all
    .filter(one => one.state === 'open' && rank(one) < 2)
    .sort((a, b) => rank(a) - rank(b) || a.raised_at.localeCompare(b.raised_at))
}
