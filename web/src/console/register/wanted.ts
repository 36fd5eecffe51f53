/** What somebody types into the form of the search, and what is asked of the server. Pure. */
import type { Wanted } from './shapes'

export type Typed = {
  name: string
  id_number: string
  reason: NonNullable<Wanted['reason']> | ''
  words: string
  sex: NonNullable<Wanted['sex']> | ''
  age_band: NonNullable<Wanted['age_band']> | ''
  mark: NonNullable<Wanted['mark']> | ''
  region: string
  since: string
  until: string
}
export const REASONS = ['to_help', 'at_the_door', 'family_asks', 'police_ask', 'same_person', 'other'] as const

export const nothing = (): Typed => ({
  name: '', id_number: '', reason: '', words: '', sex: '', age_band: '', mark: '', region: '', since: '', until: '',
}) // prettier-ignore

/** A name or a number: who asks by them says why. */
export const isByName = (typed: Typed): boolean => !!typed.name.trim() || !!typed.id_number.trim()

export const isAsked = (typed: Typed): boolean =>
  Object.entries(typed).some(([key, value]) => key !== 'reason' && value.trim() !== '')

export const isReady = (typed: Typed): boolean => isAsked(typed) && (!isByName(typed) || !!typed.reason)

export const wantedOf = (typed: Typed): Wanted => ({
  name: typed.name.trim(),
  id_number: typed.id_number.trim(),
  words: typed.words.trim(),
  sex: typed.sex || null,
  age_band: typed.age_band || null,
  mark: typed.mark || null,
  region: typed.region || null,
  since: typed.since || null,
  until: typed.until || null,
  reason: isByName(typed) ? typed.reason || null : null,
})
