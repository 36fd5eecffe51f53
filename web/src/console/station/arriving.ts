/** Whoever comes in, as the form begins: from a hand-over with what both sides signed, or empty for who walks in. Pure. */
import type { Shapes } from '@/shared/api/client'
import type { OnTheWay, ReferralWhole } from './shapes'

export type Arriving = {
  of: OnTheWay
  people: ReferralWhole['people']
  belongings: string
  condition: string
  giver: string
}
type Told = Shapes['ToldOf']
export type Vulnerable = NonNullable<Told['vulnerable']>[number]
export type Suspicion = NonNullable<Told['suspicions']>[number]

export const CAME = ['walk_in', 'team', 'referral', 'police', 'hospital', 'other_station', 'family'] as const
export const WISHES = ['food', 'shelter', 'medical', 'find_family', 'return_home', 'other'] as const
export const GROUNDS = ['minor', 'no_capacity', 'danger', 'illness'] as const
export const SEXES = ['male', 'female', 'unknown'] as const
export const AGES = ['infant', 'child', 'teen', 'adult', 'old', 'unknown'] as const
export const VULNERABLE: readonly Vulnerable[] = ['disabled', 'hardly_mobile', 'mental_illness', 'dementia', 'pregnant', 'repeatedly'] // prettier-ignore
export const SUSPICIONS: readonly Suspicion[] = ['abuse', 'abandonment', 'trafficking', 'domestic_violence', 'other_crime'] // prettier-ignore
export const MARKS = ['scar', 'tattoo', 'birthmark', 'missing_limb', 'deformity', 'teeth', 'glasses', 'hair', 'other'] as const // prettier-ignore
export const BODY = ['head', 'face', 'neck', 'trunk', 'back', 'left_arm', 'right_arm', 'left_hand', 'right_hand', 'left_leg', 'right_leg', 'unknown'] as const // prettier-ignore

/** How somebody came who was referred. */
export const cameBy = (referral: OnTheWay['referral']): (typeof CAME)[number] =>
  referral.from_kind === 'facility' ? 'referral' : 'team'

/** On what ground nobody has to agree, from what the referral says. */
export const groundOf = (referral: OnTheWay['referral']): (typeof GROUNDS)[number] | null =>
  referral.consent === 'given'
    ? null
    : ({ minor: 'minor', danger: 'danger', cannot_decide: 'no_capacity' } as const)[referral.consent_ground ?? 'danger']

/** What a receiver was told somebody needs, as it stands in the register. */
export function vulnerableOf(needs: readonly string[]): Vulnerable[] {
  return VULNERABLE.filter(one => needs.includes(one))
}

/** Whose mind is clear enough and who is of age decides for themselves. */
export const decides = (ageBand: string, vulnerable: readonly string[]): boolean =>
  !['infant', 'child', 'teen'].includes(ageBand) &&
  !vulnerable.some(one => ['mental_illness', 'dementia'].includes(one))
