/** Somebody as they are typed in, and as they are sent. Pure. */
import type { Shapes } from '@/shared/api/client'
import type { AGES, SEXES, Suspicion, Vulnerable } from './arriving'

type Told = Shapes['ToldOf']
type Mark = Required<Shapes['BodyMark']>
export type TypedPerson = {
  sex: (typeof SEXES)[number]
  age_band: (typeof AGES)[number]
  description: string
  marks: Mark[]
  height_cm: number | ''
  born_from: number | ''
  born_to: number | ''
  accent: string
  vulnerable: Vulnerable[]
  suspicions: Suspicion[]
  is_foreigner: boolean
  origin: string | null
}

export const typedOf = (sex: TypedPerson['sex'], age_band: TypedPerson['age_band'], told: Told): TypedPerson => ({
  sex,
  age_band,
  description: told.description ?? '',
  marks: (told.marks ?? []).map(one => ({ where: 'unknown', words: '', ...one })),
  height_cm: told.height_cm ?? '',
  born_from: told.born_from ?? '',
  born_to: told.born_to ?? '',
  accent: told.accent ?? '',
  vulnerable: [...(told.vulnerable ?? [])],
  suspicions: [...(told.suspicions ?? [])],
  is_foreigner: told.is_foreigner ?? false,
  origin: told.origin ?? null,
})

export const toldOf = (typed: TypedPerson): Told => ({
  description: typed.description.trim(),
  marks: typed.marks.map(one => ({ ...one, words: one.words.trim() })),
  height_cm: typed.height_cm || null,
  born_from: typed.born_from || null,
  born_to: typed.born_to || null,
  accent: typed.accent.trim(),
  origin: typed.origin,
  vulnerable: typed.vulnerable,
  suspicions: typed.suspicions,
  is_foreigner: typed.is_foreigner,
})
