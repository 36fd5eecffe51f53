/** Somebody met goes into the register from the street: what is written of them, and what is sent. Pure. */
import type { Shapes } from '@/shared/api/client'
import type { PersonMet, Taken } from './record'

export type Mark = {
  kind: NonNullable<Shapes['BodyMark']['kind']>
  where: NonNullable<Shapes['BodyMark']['where']>
  words: string
}
/** sent: the id of what was sent; number: of the record, once the register has answered. */
export type Card = {
  description: string
  accent: string
  marks: Mark[]
  photos: Taken[]
  sent: string | null
  number: string | null
}

export const MARKS = ['scar', 'tattoo', 'birthmark', 'missing_limb', 'deformity', 'teeth', 'glasses', 'hair', 'other'] as const // prettier-ignore
export const BODY = ['unknown', 'head', 'face', 'neck', 'trunk', 'back', 'left_arm', 'right_arm', 'left_hand', 'right_hand', 'left_leg', 'right_leg'] as const // prettier-ignore

export const aCard = (): Card => ({ description: '', accent: '', marks: [], photos: [], sent: null, number: null })

/** Whether there is anything to know them by. */
export const isEmpty = (card: Card): boolean =>
  !card.description.trim() && !card.accent.trim() && !card.marks.length && !card.photos.length

/** The body of POST /api/persons. What the form of the visit says is not asked twice. */
export function bodyOf(card: Card, person: PersonMet, caseId: string): Record<string, unknown> {
  return {
    case_id: caseId,
    sex: person.sex,
    age_band: person.age_band,
    told: {
      description: card.description.trim(),
      accent: card.accent.trim(),
      marks: card.marks.map(one => ({ ...one, words: one.words.trim() })),
      vulnerable: [...person.vulnerable],
      suspicions: [...person.suspicions],
      is_foreigner: person.is_foreigner,
    },
  }
}
