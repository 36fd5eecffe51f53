/** What a reporter sees, as pictures to tap; each stands for codes of the API (backend/intake/looks.py, policy `[triage]`).
 *
 * Begin at `SIGNS`. `codesOf` makes a report of them, `signsOf` finds them in a report again, to mend it. */
import type { Shapes } from '@/shared/api/client'

export type Danger = Shapes['Report']['dangers'] extends (infer D)[] | undefined ? D : never
export type Looks = NonNullable<Shapes['Report']['looks']>
type Meaning = {
  posture?: Looks['posture']
  age_band?: Looks['age_band']
  belongings?: string
  danger?: Danger
}

export const SIGNS = {
  unconscious: { danger: 'unconscious' },
  injured: { danger: 'injury' },
  ill: { danger: 'acute_illness' },
  hurt: { danger: 'abuse' },
  confused: { danger: 'mental_crisis' },
  infant: { age_band: 'infant', danger: 'infant' },
  child: { age_band: 'child', danger: 'minor' },
  cold: { danger: 'exposure' },
  lying: { posture: 'lying' },
  sitting: { posture: 'sitting' },
  old: { age_band: 'old' },
  bedding: { belongings: 'bedding' },
} as const satisfies Record<string, Meaning>
export type Sign = keyof typeof SIGNS
export const ALL_SIGNS = Object.keys(SIGNS) as Sign[]

export type Codes = { looks: Looks; dangers: Danger[] }

/** Of several that say something of one thing (an infant and an old person) the first in the order of `SIGNS` is meant: it is the graver. */
export function codesOf(seen: readonly Sign[]): Codes {
  const said: Meaning[] = ALL_SIGNS.filter(sign => seen.includes(sign)).map(sign => SIGNS[sign])
  const first = <K extends keyof Meaning>(name: K) => said.find(one => one[name] !== undefined)?.[name]
  const [posture, age_band] = [first('posture'), first('age_band')]
  const belongings = said.flatMap(one => one.belongings ?? [])
  return {
    looks: {
      ...(posture && { posture }),
      ...(age_band && { age_band }),
      ...(belongings.length && { belongings }),
    },
    dangers: said.flatMap(one => one.danger ?? []),
  }
}

export function signsOf(codes: Partial<Codes>): Sign[] {
  return ALL_SIGNS.filter(sign => {
    const meant: Meaning = SIGNS[sign]
    if (meant.danger) return codes.dangers?.includes(meant.danger)
    if (meant.belongings) return codes.looks?.belongings?.includes(meant.belongings)
    return meant.posture ? codes.looks?.posture === meant.posture : codes.looks?.age_band === meant.age_band
  })
}

/** The numbers to ring before anything else, in order, by the city's own list of dangers. */
export function ringFirst(seen: readonly Sign[], known: readonly Shapes['DangerAsked'][]): string[] {
  const stated = new Set<string>(codesOf(seen).dangers)
  return [...new Set(known.filter(one => stated.has(one.code)).flatMap(one => one.call_first))]
}
