/** Which events call for attention. Pure. */
import type { Case, LiveEvent } from '@/shared/live/state'

export const KINDS = ['search', 'clock', 'gap', 'critical', 'new_case', 'approval'] as const
export type AlarmKind = (typeof KINDS)[number]

export function kindOf(event: LiveEvent): AlarmKind | null {
  if (event.kind === 'search.alarm' || (event.kind === 'offer.made' && event.data.alarm)) return 'search'
  if (event.kind === 'clock.missed' || event.kind === 'clock.escalated') return 'clock'
  if (event.kind === 'circle.gap_opened') return 'gap'
  if (event.kind === 'approval.asked') return 'approval'
  if (event.kind !== 'case.opened') return null
  const opened = event.data.rows?.cases?.find(row => row.id === event.case_id)
  if (opened?.priority === 'critical') return 'critical'
  return opened?.stage === 'discovered' ? 'new_case' : null
}

/** The case that a newly opened one has been joined into meanwhile: nobody need look at it any more. Null for every other alarm. */
export function joinedInto(event: LiveEvent, cases: ReadonlyMap<string, Case>): string | null {
  return event.kind === 'case.opened' ? (cases.get(event.case_id ?? '')?.joined_into ?? null) : null
}
