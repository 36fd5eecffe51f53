/** A name as it is typed, and as it is sent. Pure. */
import type { Shapes } from '@/shared/api/client'

export type Source = NonNullable<Shapes['PersonShown']['identity_source']>
export type Typed = Required<Omit<Shapes['Identity'], 'born_on'>> & { born_on: string }
export const SOURCES: readonly Source[] = [
  'own_word',
  'document',
  'police',
  'dna',
  'family',
  'face_recognition',
  'other',
]
export const DOCUMENTS = ['resident_id', 'passport', 'other'] as const

export const emptyIdentity = (): Typed => ({
  name: '',
  document: 'resident_id',
  id_number: '',
  born_on: '',
  home: '',
  kin: '',
  kin_phone: '',
})

export const saidIdentity = (typed: Typed): Shapes['Identity'] => ({
  ...typed,
  name: typed.name.trim(),
  id_number: typed.id_number.trim(),
  born_on: typed.born_on || bornOn(typed) || null,
})

/** A resident's number says when they were born (GB 11643, places 7 to 14). */
function bornOn({ document, id_number }: Typed): string | null {
  const found = document === 'resident_id' && /^\d{6}(\d{4})(\d\d)(\d\d)\d{3}[\dXx]$/.exec(id_number.trim())
  if (!found) return null
  const day = `${found[1]}-${found[2]}-${found[3]}`
  return Number.isNaN(Date.parse(day)) ? null : day
}
