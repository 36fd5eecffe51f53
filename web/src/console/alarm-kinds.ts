/** Which events call for attention. Pure. */
import type { Case, DistressCall, LiveEvent } from '@/shared/live/state'

export const KINDS = [
  'distress',
  'incident',
  'search',
  'not_reached',
  'clock',
  'gap',
  'critical',
  'new_case',
  'approval',
  'campaign',
  'referral',
] as const
export type AlarmKind = (typeof KINDS)[number]
/** A crew that calls for help is never silent, nor is what is reported up at once. */
export const MUTABLE = KINDS.filter(kind => kind !== 'distress' && kind !== 'incident')
const INCIDENT = new Set(['incident.raised', 'incident.escalated', 'incident.owed'])

/** What a campaign calls attention by: somebody has to answer, or work begins or grows. */
const CAMPAIGN = new Set(['campaign.proposed', 'campaign.escalated', 'campaign.opened', 'campaign.upgraded'])

/** What of a referral somebody at a desk has to see to: an office to be rung, a refusal, nobody who answers, comes or signs. */
const isForTheDesk = (event: LiveEvent): boolean =>
  Array.isArray(event.data.told) && event.data.told.some(who => who === 'dispatcher' || who === 'shift_leader')

export function kindOf(event: LiveEvent): AlarmKind | null {
  if (event.kind === 'team.distress' || event.kind === 'team.distress_escalated') return 'distress'
  if (INCIDENT.has(event.kind)) return 'incident'
  if (event.kind === 'search.alarm' || (event.kind === 'offer.made' && event.data.alarm)) return 'search'
  if (event.kind === 'case.not_reached') return 'not_reached'
  if (event.kind === 'clock.missed' || event.kind === 'clock.escalated') return 'clock'
  if (event.kind === 'circle.gap_opened') return 'gap'
  if (event.kind === 'approval.asked') return 'approval'
  if (CAMPAIGN.has(event.kind)) return 'campaign'
  if (event.kind.startsWith('referral.') && isForTheDesk(event)) return 'referral'
  const raised = event.kind === 'case.detailed' && event.data.raised
  if (raised && event.data.rows?.cases?.some(row => row.priority === 'critical')) return 'critical'
  if (event.kind !== 'case.opened') return null
  const opened = event.data.rows?.cases?.find(row => row.id === event.case_id)
  if (opened?.priority === 'critical') return 'critical'
  return opened?.stage === 'discovered' ? 'new_case' : null
}

/** The case that a newly opened one has been joined into meanwhile: nobody need look at it any more. Null for every other alarm. */
export function joinedInto(event: LiveEvent, cases: ReadonlyMap<string, Case>): string | null {
  return event.kind === 'case.opened' ? (cases.get(event.case_id ?? '')?.joined_into ?? null) : null
}

/** The calls for help that are not over: those that nobody has answered first, the oldest of them on top. */
export function callsOf(calls: ReadonlyMap<string, DistressCall>): DistressCall[] {
  return [...calls.values()]
    .filter(call => !call.over_at)
    .sort((a, b) => Number(!!a.answered_at) - Number(!!b.answered_at) || a.raised_at.localeCompare(b.raised_at))
}
