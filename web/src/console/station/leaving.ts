/** How somebody leaves, and what each way asks for (DOMAIN §4). The server decides; here the form says it before anything is sent. Pure. */
import type { Shapes } from '@/shared/api/client'
import type { Drawn } from '@/shared/signature/drawn'
import type { StayFile } from './shapes'

export type How = Shapes['HowLeft']
export type Escort = { name: string; sex: 'male' | 'female' | 'unknown' }
/** What a record of leaving may be. What is handed on to another house is a referral, not this. */
export const WAYS: readonly How[] = ['home', 'escorted_home', 'left_by_self', 'hospital', 'welfare_home', 'settled', 'help_ended', 'runaway', 'death'] // prettier-ignore
export type Field = 'receiver' | 'relation' | 'to' | 'escorts' | 'tickets' | 'signature' | 'police' | 'home' | 'ground'

/** The fields of each way, in the order of the form. */
export const FIELDS: Partial<Record<How, readonly Field[]>> = {
  home: ['receiver', 'relation', 'home', 'signature'],
  escorted_home: ['to', 'tickets', 'escorts', 'receiver', 'home'],
  left_by_self: ['signature'],
  hospital: ['to', 'receiver', 'signature'],
  welfare_home: ['to', 'receiver', 'signature'],
  settled: ['to'],
  help_ended: ['ground', 'police'],
  runaway: ['police'],
  death: ['police', 'to'],
}
export const END_GROUNDS = ['false_information', 'refuses_to_leave', 'not_eligible', 'unlawful'] as const
export const GRAVE: ReadonlySet<How> = new Set<How>(['runaway', 'death'])

export type TypedLeaving = {
  how: How | null
  to: string
  receiver: string
  relation_checked: boolean
  escorts: Escort[]
  tickets: string
  signed_on_paper: boolean
  signature: Drawn | null
  police_told_at: string
  ground: (typeof END_GROUNDS)[number] | ''
  note: string
}
export const emptyLeaving = (escorts: number): TypedLeaving => ({
  how: null,
  to: '',
  receiver: '',
  relation_checked: false,
  escorts: Array.from({ length: escorts }, () => ({ name: '', sex: 'unknown' as const })),
  tickets: '',
  signed_on_paper: false,
  signature: null,
  police_told_at: '',
  ground: '',
  note: '',
})

type Whom = Pick<StayFile, 'decides' | 'escorts_min'> & {
  person: Pick<StayFile['person'], 'sex' | 'age_band'>
  stay: Pick<StayFile['stay'], 'settlement_at'>
}

/** Why somebody cannot leave this way at all; null when they can. */
export function notThisWay(how: How, whom: Whom): 'notAlone' | 'notApplied' | 'notEnded' | null {
  if (how === 'left_by_self' && !whom.decides) return 'notAlone'
  if (how === 'help_ended' && !whom.decides) return 'notEnded'
  if (how === 'settled' && !whom.stay.settlement_at) return 'notApplied'
  return null
}

const named = (typed: TypedLeaving): Escort[] => typed.escorts.filter(one => one.name.trim())

/** What is still missing, by name. */
export function missing(typed: TypedLeaving, whom: Whom): string[] {
  const { how } = typed
  if (!how) return ['how']
  const found: string[] = []
  const add = (when: boolean, what: string) => when && found.push(what)
  const sexes = new Set(named(typed).map(one => one.sex))
  const minor = ['infant', 'child', 'teen'].includes(whom.person.age_band)
  if (how === 'escorted_home') {
    add(named(typed).length < whom.escorts_min, 'escorts')
    add(whom.person.sex === 'female' && !sexes.has('female'), 'woman')
    add(minor && whom.person.sex === 'male' && !sexes.has('male'), 'man')
    add(!typed.tickets.trim(), 'tickets')
  }
  add(['escorted_home', 'hospital', 'welfare_home'].includes(how) && !typed.to.trim(), 'to')
  add(['home', 'hospital', 'welfare_home'].includes(how) && !typed.receiver.trim(), 'receiver')
  add(how === 'home' && !whom.decides && !typed.relation_checked, 'relation')
  add(how === 'left_by_self' && !typed.signature && !typed.signed_on_paper, 'declaration')
  add(how === 'help_ended' && !typed.ground, 'ground')
  add(how === 'help_ended' && typed.ground === 'unlawful' && !typed.police_told_at, 'police')
  add((how === 'death' || (how === 'runaway' && !whom.decides)) && !typed.police_told_at, 'police')
  return found
}

/** As it is sent: only what belongs to the way that was chosen. */
export function leavingOf(typed: TypedLeaving, instant: (local: string) => string): Shapes['Leaving'] {
  const how = typed.how!
  const has = (field: Field) => FIELDS[how]?.includes(field)
  return {
    how,
    to: has('to') ? typed.to.trim() : '',
    receiver: has('receiver') ? typed.receiver.trim() : '',
    relation_checked: !!has('relation') && typed.relation_checked,
    escorts: has('escorts') ? named(typed).map(one => ({ ...one, name: one.name.trim() })) : [],
    tickets: has('tickets') ? typed.tickets.trim() : '',
    declaration_signed: how === 'left_by_self' && (typed.signed_on_paper || !!typed.signature),
    signature: has('signature') ? typed.signature : null,
    police_told_at: has('police') && typed.police_told_at ? instant(typed.police_told_at) : null,
    ground: has('ground') ? typed.ground || null : null,
    note: typed.note.trim(),
  }
}
