/** A call being taken: what the operator has typed so far, the report it becomes, and how it is kept. Pure but for `keep` and `kept`. */
import type { Shapes } from '@/shared/api/client'

export type Danger = Shapes['Danger']
export type Looks = {
  sex: Shapes['Sex']
  age_band: Shapes['AgeBand']
  posture: Shapes['Posture']
  colours: string[]
  belongings: string[]
}
export type Pin = { lon: number; lat: number }
/** id, acceptId, joinId: made once per call, so that a repeat after a lost answer has no second effect. place: said in words, as it goes
 * into the report; placeByHand: the operator wrote it; chosen: the landmark that was chosen, which holds as long as the pin is there. sameAs: the case that the caller means. */
export type Draft = {
  id: string
  acceptId: string
  joinId: string
  startedAt: string
  number: string
  caller: string
  callBack: boolean
  words: string
  sought: string
  pin: Pin | null
  place: string
  placeByHand: boolean
  chosen: { name: string; kind: string; lon: number; lat: number } | null
  people: number
  dangers: Danger[]
  looks: Looks
  recording: string
  sameAs: string | null
}

export const COLOURS = ['black', 'grey', 'white', 'red', 'yellow', 'green', 'blue', 'brown'] as const
export const BELONGINGS = ['bedding', 'bags', 'cart', 'wheelchair', 'crutches', 'dog', 'suitcase', 'child'] as const
export const SEXES = ['unknown', 'male', 'female'] as const
export const AGES = ['unknown', 'infant', 'child', 'teen', 'adult', 'old'] as const
export const POSTURES = ['unknown', 'lying', 'sitting', 'standing', 'walking'] as const

/** More than so many people are asked about before they are sent: a key too many makes 31 of 3. */
export const MANY = 9
/** How inexact a place is of which only this much is known, metres. */
const ROUGH_M: Partial<Record<string, number>> = { street: 500, region: 1000 }
/** On the map these are streets, and yet one place. */
const ONE_PLACE = /(广场|环岛|桥|立交)$/
const roughly = (chosen: Draft['chosen']): number | null =>
  !chosen || ONE_PLACE.test(chosen.name) ? null : (ROUGH_M[chosen.kind] ?? null)

/** startedAt stays empty until something is typed. */
export function freshDraft(newId: () => string): Draft {
  return {
    id: newId(),
    acceptId: newId(),
    joinId: newId(),
    startedAt: '',
    number: '',
    caller: '',
    callBack: false,
    words: '',
    sought: '',
    pin: null,
    place: '',
    placeByHand: false,
    chosen: null,
    people: 1,
    dangers: [],
    looks: { sex: 'unknown', age_band: 'unknown', posture: 'unknown', colours: [], belongings: [] },
    recording: '',
    sameAs: null,
  }
}

/** Nothing typed, nothing chosen: there is nothing to lose. */
export function isBlank(draft: Draft): boolean {
  const { looks } = draft
  const typed = [draft.number, draft.caller, draft.words, draft.sought, draft.place, draft.recording].some(text =>
    text.trim(),
  )
  const seen =
    [looks.sex, looks.age_band, looks.posture].some(one => one !== 'unknown') ||
    looks.colours.length + looks.belongings.length > 0
  return (
    !typed && !seen && !draft.pin && !draft.dangers.length && draft.people === 1 && !draft.callBack && !draft.sameAs
  )
}

/** What is still missing before it can be sent: the name of a field, the first that the operator should go to. */
export function missing(draft: Draft): 'place' | 'people' | 'number' | null {
  if (!draft.pin) return 'place'
  if (!Number.isInteger(draft.people) || draft.people < 1 || draft.people > 999) return 'people'
  if (draft.callBack && !draft.number.trim()) return 'number'
  return null
}

/** The landmark that was chosen, as long as the pin is where it is. */
export const chosenAt = ({ chosen, pin }: Draft): Draft['chosen'] =>
  chosen && pin && chosen.lon === pin.lon && chosen.lat === pin.lat ? chosen : null

/** How inexact the pin is, metres, when it only stands for a whole street or region; null for a place. */
export const roughOf = (draft: Draft): number | null => roughly(chosenAt(draft))

type Said = Pick<Shapes['PlaceNamed'], 'zh' | 'en' | 'street' | 'crossing'>

/** The pin in words. What was chosen comes first, since the caller said it; of a whole street that it is no exact place. */
export function placeWords(said: Said, chosen: Draft['chosen'], zh: boolean): string {
  const plain = zh ? said.zh : said.en
  if (!chosen) return plain
  const rough = roughly(chosen) !== null
  if (!rough && plain.includes(chosen.name)) return plain
  const near = [said.crossing, said.street].find(name => name && name !== chosen.name)
  const more = zh
    ? [near && `近${near}`, rough && '位置不准'].filter(Boolean).join('，')
    : [near && `near ${near}`, rough && 'not exact'].filter(Boolean).join(', ')
  if (!more) return chosen.name
  return zh ? `${chosen.name}（${more}）` : `${chosen.name} (${more})`
}

/** Two streets that were said as one crossing and do not meet, as they are called; null for all else. */
export function apartStreets(found: readonly Shapes['PlaceFound'][]): [string, string] | null {
  const apart = found.filter(place => place.fit === 'apart')
  const other = apart.find(place => place.sought !== apart[0]!.sought)
  if (!other || apart[0]!.kind !== 'street' || other.kind !== 'street') return null
  return [apart[0]!.name, other.name]
}

const digits = (text: string) => text.replace(/\D/g, '')

/** Whether both are one telephone number, however they were typed. */
export const sameNumber = (one: string, other: string): boolean =>
  digits(one).length >= 5 && digits(one) === digits(other)

/** Enough of a number to tell calls apart, and not the number. */
export const lastFour = (number: string): string => digits(number).slice(-4)

/** Without a place there is no report. `asked`: only to ask for similar ones, so without who calls. */
export function reportOf(draft: Draft, asked = false): Shapes['Report'] | null {
  if (!draft.pin) return null
  const report: Shapes['Report'] = {
    channel: 'hotline',
    place: { lon: draft.pin.lon, lat: draft.pin.lat, crs: 'wgs84', accuracy_m: roughOf(draft) },
    people_count: Number.isInteger(draft.people) && draft.people > 0 ? Math.min(draft.people, 999) : 1,
    looks: draft.looks,
    dangers: draft.dangers,
    description: draft.words.trim().slice(0, 2000),
    address: draft.place.trim().slice(0, 200),
  }
  if (asked) return report
  const phone = draft.number.trim()
  const name = draft.caller.trim()
  const contact = phone || name ? { phone: phone || null, name: name || null, call_back: draft.callBack } : null
  return { ...report, id: draft.id, contact, recording_ref: draft.recording.trim() || null }
}

/** The numbers to ring first for what has been ticked, in the order of the policy. */
export function callFirst(dangers: readonly Danger[], known: readonly Shapes['DangerAsked'][]): string[] {
  return [...new Set(known.filter(one => dangers.includes(one.code)).flatMap(one => one.call_first))]
}

/** The key that ticks the nth danger: 1…9, 0, then -, =. */
export const DANGER_KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '-', '=']

const KEY = 'rescue.hotline.draft'

/** Survives a reload of this tab and nothing else: signing out clears it. */
export function keep(draft: Draft | null): void {
  if (draft && !isBlank(draft)) sessionStorage.setItem(KEY, JSON.stringify(draft))
  else sessionStorage.removeItem(KEY)
}

export function kept(newId: () => string): Draft | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as unknown
    return found ? draftFrom(found, newId) : null
  } catch {
    return null
  }
}

let held: { account: string; draft: Draft } | null = null

/** When a session ends by itself the draft stays in this page's memory, and only for the one who typed it. */
export function hold(account: string, draft: Draft): void {
  held = isBlank(draft) ? null : { account, draft }
}
export function heldFor(account: string): Draft | null {
  const found = held?.account === account ? held.draft : null
  held = null
  return found
}

/** A draft from what was kept or parked, also by an older version of this page: what it does not know stays as it is in a fresh one. */
export function draftFrom(found: unknown, newId: () => string): Draft {
  const fresh = freshDraft(newId)
  if (typeof found !== 'object' || found === null) return fresh
  const told = found as Partial<Draft>
  const known = Object.fromEntries(
    Object.keys(fresh).map(name => [name, told[name as keyof Draft] ?? fresh[name as keyof Draft]]),
  )
  return { ...(known as Draft), looks: { ...fresh.looks, ...(told.looks ?? {}) } }
}
