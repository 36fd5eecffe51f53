/** Where the people of a visit may be taken: what is asked for them, and how it stands. Begin at `wishOf` and `standing`. Pure.
 *
 * The server has the last word (backend/referral/asked.py); here is said what the crew's record does not allow, before it is asked. */
import type { Shapes } from '@/shared/api/client'
import type { Action } from '../queue/store'
import { asksGround, isMinor, type Draft, type Outcome, type PersonMet } from './record'

export type CrewReferral = Shapes['CrewReferral']
export type Fitting = Shapes['FittingFacility']
export type Wish = Shapes['Wish']
type Need = Shapes['Need']
/** Which kinds of facility an outcome takes people to; [] where a name in words is all there is. */
export const KINDS: Readonly<Partial<Record<Outcome, readonly string[]>>> = {
  escorted_to_station: ['station', 'rescue_point', 'shelter', 'temporary_point', 'welfare_home'],
  to_hospital: ['hospital'],
}
const SAME_NEED = new Set<string>(['disabled', 'hardly_mobile', 'mental_illness', 'dementia', 'pregnant'])
const VIOLENCE = new Set<string>(['abuse', 'trafficking', 'domestic_violence'])
const LIVE = new Set<string>(['offered', 'accepted', 'arrived'])
export const isLive = (one: CrewReferral): boolean => LIVE.has(one.state)

/** What the receiver must be able to give. */
export function needsOf(person: PersonMet): Need[] {
  const found = person.vulnerable.filter(what => SAME_NEED.has(what)) as Need[]
  if (person.acutely_ill) found.push('acutely_ill')
  if (person.is_foreigner) found.push('foreigner')
  if (person.suspicions.some(what => VIOLENCE.has(what))) found.push('violence')
  return found
}
export const someoneOf = (person: PersonMet): Shapes['Someone'] => ({
  sex: person.sex,
  age_band: person.age_band,
  needs: needsOf(person),
})

/** What has to be known before a house can be asked: a key of the words `officer.refer.first`, or null. */
export function askFirst(draft: Draft): 'refused' | 'consent' | null {
  const asked = draft.people.filter(one => !isMinor(one) && !isIll(one) && one.consent !== 'given')
  if (draft.outcome === 'escorted_to_station' && asked.some(one => one.consent === 'refused' && !asksGround(one)))
    return 'refused'
  return asked.some(one => !asksGround(one) && one.capacity !== 'limited') ? 'consent' : null
}
const isIll = (one: PersonMet): boolean => one.acutely_ill

/** Consent where everybody gave it; else why nobody has to. Only once `askFirst` is null. */
function consentOf(people: readonly PersonMet[]): Pick<Wish, 'consent' | 'consent_ground'> {
  if (people.every(one => one.consent === 'given')) return { consent: 'given', consent_ground: null }
  const ground = people.every(isMinor) ? 'minor' : people.some(isIll) ? 'danger' : 'cannot_decide'
  return { consent: 'not_needed', consent_ground: ground }
}

/** The referral that is asked for. kind: of the facility. */
export function wishOf(draft: Draft, caseId: string, facilityId: string, kind: string): Wish {
  return {
    to_kind: kind === 'hospital' ? 'hospital' : 'facility',
    case_id: caseId,
    to_facility: facilityId,
    people: draft.people.map((one, index) => ({ index, ...someoneOf(one), note: draft.wishes.trim().slice(0, 500) })),
    ...consentOf(draft.people),
  } as Wish
}

export type Standing = {
  /** The one that is answered, waits or has arrived. */
  live: CrewReferral | null
  /** Asked on this phone and not yet at the server, or not yet in what it told. */
  asking: Action | null
  /** Why the server would not even ask. */
  refused: Action | null
  /** Those that came to nothing, newest first. */
  tried: readonly CrewReferral[]
}

/** How it stands, the own steps that wait laid over what the server told. mine: the actions of whoever is signed in. */
export function standing(told: readonly CrewReferral[], mine: readonly Action[], caseId: string, askedAt: number): Standing {
  const news = mine.filter(one => one.state === 'waiting' || (one.state === 'sent' && (one.sentAt ?? 0) >= askedAt))
  const has = (kind: string, id: string) => news.find(one => one.kind === kind && one.chain === referralChain(id))
  const known = told.map(one => {
    const arrived = has('refer_arrived', one.id)
    if (has('refer_withdraw', one.id) && isLive(one)) return { ...one, state: 'withdrawn' as const }
    if (!arrived || one.state !== 'accepted') return one
    return { ...one, state: 'arrived' as const, arrived_at: new Date(arrived.occurredAt ?? arrived.madeAt).toISOString() }
  })
  const asked = mine.filter(one => one.kind === 'refer' && one.chain === referChain(caseId)).at(-1) ?? null
  const isKnown = asked?.state === 'sent' && (known.some(one => one.id === asked.answer?.referral_id) || !news.includes(asked))
  return {
    live: known.find(isLive) ?? null,
    asking: asked && asked.state !== 'refused' && !isKnown ? asked : null,
    refused: asked?.state === 'refused' ? asked : null,
    tried: known.filter(one => one.state === 'refused' || one.state === 'not_used'),
  }
} // prettier-ignore

export const referChain = (caseId: string): string => `refer:${caseId}`
export const referralChain = (id: string): string => `referral:${id}`
