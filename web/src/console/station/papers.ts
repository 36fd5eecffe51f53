/** Which forms can be issued for somebody now. The server decides; this is what is offered. Pure. */
import type { Shapes } from '@/shared/api/client'
import type { StayFile } from './shapes'

export type Paper = Shapes['DocumentShown']
export type Kind = Shapes['FormKind']

/** In the order in which they come about. */
export function offered({ stay }: Pick<StayFile, 'stay'>): Kind[] {
  const of: readonly [Kind, unknown][] = [
    ['hand_over', stay.referral_id],
    ['help_registration', true],
    ['settlement_application', stay.settlement_at],
    ['leave_declaration', stay.how === 'left_by_self'],
    ['escort_home', stay.how === 'escorted_home'],
    ['end_notice', stay.how === 'help_ended'],
    ['stay_record', stay.state === 'left'],
  ]
  return of.filter(([, there]) => there).map(([kind]) => kind)
}

/** The one of a kind that stands, the newest. */
export const standing = (papers: readonly Paper[], kind: Kind): Paper | null =>
  papers.find(one => one.kind === kind && !one.replaced_by) ?? null
