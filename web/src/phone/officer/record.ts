/** What a crew records of a handling, as the form holds it: what is asked for which outcome, what is still missing, and the record to send. Pure.
 *
 * The server has the last word (backend/dispatch/protection/rules.py). The same rules are asked here as far as they say that something
 * was left out, so that a crew without network learns it in the street and not hours later. Begin at `asks` and `missing`. */
import type { Shapes } from '@/shared/api/client'
import type { Card } from './registering'

export type Outcome = Shapes['Outcome']
export type PersonMet = Required<Shapes['PersonMet']>
export type Field =
  | 'people'
  | 'info_left'
  | 'supplies'
  | 'persuasion'
  | 'hand_over'
  | 'signatures'
  | 'receiver'
  | 'crew'
  | 'medical_called_at'
  | 'medical_note'
  | 'station_told_at'
  | 'police_told_at'
  | 'police_told_by'
  | 'foreign_affairs_told_at'
  | 'family_relation_checked'
  | 'family_separated_ground'
  | 'department'
  | 'duplicate_of'
/** small: the picture itself, small enough to be kept with the form. */
export type Taken = { id: string; small: string }
/** 随身物品 One kind of thing that somebody has with them. */
export type Belonging = { what: string; count: number; note: string }
export type Draft = {
  step: 'found' | 'did' | 'hand_over'
  people: PersonMet[]
  wishes: string
  outcome: Outcome | null
  crewSize: number
  crewHasWoman: boolean
  crewHasMan: boolean
  infoLeft: boolean
  supplies: string[]
  suppliesRefused: boolean
  persuasion: string
  stationToldAt: string | null
  medicalCalledAt: string | null
  medicalNote: string
  policeToldAt: string | null
  policeToldBy: string
  foreignAffairsToldAt: string | null
  familyChecked: boolean
  separated: boolean
  separatedGround: string
  department: string
  duplicateOf: string
  incident: 'death' | 'missing' | 'accident' | null
  note: string
  facility: string
  receiver: string
  belongings: Belonging[]
  belongingPhotos: Taken[]
  condition: string
  photos: Taken[]
  crewSignature: Taken | null
  /** What goes into the register, in the order of `people`. */
  cards: Card[]
  receiverSignature: Taken | null
}
/** A rule that is not kept: the server's, or ours about what was left out. person: position in `people`. */
export type Violation = { code: string; zh: string; en: string; field: string; person: number | null }

export const OUTCOMES: readonly Outcome[] = [
  'informed_and_guided',
  'stays_supplies_given',
  'escorted_to_station',
  'to_hospital',
  'to_police',
  'to_family',
  'not_found',
  'duplicate',
  'other_department',
]
const NOBODY = new Set<Outcome>(['not_found', 'duplicate', 'other_department'])
const ESCORTED = new Set<Outcome>(['escorted_to_station', 'to_family', 'to_police'])
const LEFT_THERE = new Set<Outcome>(['informed_and_guided', 'stays_supplies_given'])
const HANDED_OVER = new Set<Outcome>(['escorted_to_station', 'to_hospital', 'to_police', 'to_family'])
const TO_BE_ESCORTED = new Set<string>(['disabled', 'old', 'hardly_mobile'])

export const aPerson = (more: Partial<PersonMet> = {}): PersonMet => ({
  sex: 'unknown',
  age_band: 'unknown',
  capacity: 'unknown',
  consent: 'not_asked',
  consent_ground: '',
  vulnerable: [],
  suspicions: [],
  acutely_ill: false,
  is_foreigner: false,
  identity_known: false,
  searched: false,
  ...more,
})

export const aDraft = (people: PersonMet[] = [aPerson()]): Draft => ({
  step: 'found',
  people,
  wishes: '',
  outcome: null,
  crewSize: 2,
  crewHasWoman: false,
  crewHasMan: true,
  infoLeft: false,
  supplies: [],
  suppliesRefused: false,
  persuasion: '',
  stationToldAt: null,
  medicalCalledAt: null,
  medicalNote: '',
  policeToldAt: null,
  policeToldBy: '',
  foreignAffairsToldAt: null,
  familyChecked: false,
  separated: false,
  separatedGround: '',
  department: '',
  duplicateOf: '',
  incident: null,
  note: '',
  facility: '',
  receiver: '',
  belongings: [],
  belongingPhotos: [],
  condition: '',
  photos: [],
  crewSignature: null,
  cards: [],
  receiverSignature: null,
})

export const isMinor = (one: PersonMet): boolean => ['infant', 'child', 'teen'].includes(one.age_band)
const decides = (one: PersonMet): boolean => !isMinor(one) && one.capacity !== 'limited'
export const needsEscort = (one: PersonMet): boolean =>
  isMinor(one) || one.age_band === 'old' || one.vulnerable.some(what => TO_BE_ESCORTED.has(what))
/** The ground is asked of whoever goes along without being able to say yes. */
export const asksGround = (one: PersonMet): boolean =>
  one.consent === 'not_possible' || (one.consent === 'refused' && !decides(one))

/** People of the record: nobody, where nobody was met. */
const met = (draft: Draft): PersonMet[] => (draft.outcome && NOBODY.has(draft.outcome) ? [] : draft.people)
export const isHandedOver = (outcome: Outcome | null): boolean => outcome !== null && HANDED_OVER.has(outcome)
/** Vulnerable people go over in writing, signed by both sides. */
export const mustBeSigned = (draft: Draft): boolean =>
  draft.outcome === 'escorted_to_station' && draft.people.some(one => needsEscort(one) || one.capacity === 'limited')

/** What this outcome with these people asks for, beyond people, note and photos. */
export function asks(draft: Draft): ReadonlySet<Field> {
  const { outcome } = draft
  const people = met(draft)
  const some = (is: (one: PersonMet) => boolean) => people.some(is)
  const found = new Set<Field>()
  const ask = (when: boolean, ...fields: Field[]) => when && fields.forEach(field => found.add(field))
  if (!outcome) return found
  ask(!NOBODY.has(outcome), 'people')
  ask(LEFT_THERE.has(outcome), 'info_left')
  ask(outcome === 'stays_supplies_given', 'supplies', 'persuasion')
  ask(isHandedOver(outcome), 'hand_over', 'receiver', 'signatures')
  ask(ESCORTED.has(outcome) || some(one => one.searched), 'crew')
  ask(some(one => one.acutely_ill) || outcome === 'to_hospital', 'medical_called_at')
  ask(some(one => one.acutely_ill) && outcome !== 'to_hospital', 'medical_note')
  ask(outcome === 'to_hospital' || outcome === 'escorted_to_station', 'station_told_at')
  ask(some(one => one.suspicions.length > 0) || outcome === 'to_police', 'police_told_at', 'police_told_by')
  ask(some(one => one.is_foreigner) || draft.incident === 'death' || draft.incident === 'missing', 'police_told_at')
  ask(
    some(one => one.is_foreigner),
    'foreign_affairs_told_at',
  )
  ask(outcome === 'to_family', 'family_relation_checked')
  ask(people.length > 1, 'family_separated_ground')
  ask(outcome === 'other_department', 'department')
  ask(outcome === 'duplicate', 'duplicate_of')
  return found
}

const SAYS: Record<string, readonly [zh: string, en: string, field: string]> = {
  outcome_missing: ['请选择处置结果。', 'Choose what was done.', 'outcome'],
  people_missing: ['请至少记录一名受助人员。', 'Record at least one person.', 'people'],
  consent_missing: ['请记录本人是否同意；无法表达的，写明原因。', 'Record their consent, or why they cannot give it.', 'consent'],
  escorted_against_will: ['本人不愿意，不能带走。', 'They refuse and may not be taken.', 'outcome'],
  info_not_left: ['请告知并留下救助站地址、电话。', "Leave the station's address and phone.", 'info_left'],
  supplies_missing: ['请选择发放的物资，或注明本人拒收。', 'Choose what was given, or that they refused.', 'supplies'],
  persuasion_missing: ['请记录如何劝导、本人怎么说。', 'Record how you persuaded and what they said.', 'persuasion'],
  minor_left: ['未成年人不能留在原地，须护送或移交。', 'A minor may not be left: escort or hand over.', 'outcome'],
  incapable_left: ['本人无法自主决定，不能留在原地。', 'They cannot decide for themselves and may not be left.', 'outcome'],
  vulnerable_not_escorted: ['老、残、行动不便者应护送进站；不愿去的，记录其拒绝。', 'Escort the old and disabled, or record the refusal.', 'outcome'],
  hand_over_missing: ['请填写接收机构和接收人。', 'Fill in the facility and who received.', 'hand_over'],
  hand_over_unsigned: ['交接单须双方签字。', 'Both sides sign the hand-over.', 'signatures'],
  hospital_missing: ['请写明送到哪家医院。', 'Say which hospital.', 'hand_over'],
  medical_not_called: ['请记录呼叫急救（120）的时间。', 'Record when medical help (120) was called.', 'medical_called_at'],
  medical_note_missing: ['病人未送医的，写明急救人员的意见。', 'Not taken to hospital: write what the medics said.', 'medical_note'],
  station_not_told: ['请记录通知救助站的时间。', 'Record when the station was told.', 'station_told_at'],
  police_not_told: ['须报警（110），并记录时间和报警人。', 'Tell the police (110): record when and by whom.', 'police_told_at'],
  foreigner_not_confirmed: ['疑似外国人，请公安确认身份并记录时间。', 'Perhaps a foreigner: ask the police, record when.', 'police_told_at'],
  incident_police_not_told: ['死亡、走失须立即报警，并记录时间。', 'A death or a missing person: tell the police, record when.', 'police_told_at'],
  incident_undescribed: ['请写明发生了什么、何时何地。', 'Write what happened, when and where.', 'note'],
  family_not_checked: ['请核实接领人与本人的亲属关系。', 'Check that whoever fetches them is family.', 'family_relation_checked'],
  sent_back_to_violence: ['疑似受家暴、虐待者不能直接交回家属。', 'Do not hand suspected victims of violence back to the family.', 'outcome'],
  family_separated: ['一家人分开的，写明原因。', 'Say why the family was separated.', 'family_separated_ground'],
  escort_too_small: ['护送至少 2 人。', 'An escort is at least two people.', 'crew'],
  woman_missing: ['女性和儿童须由女队员照护、检查。', 'Women and children are cared for by a woman of the crew.', 'crew'],
  man_missing: ['男性未成年人须由男队员检查。', 'A boy is searched by a man of the crew.', 'crew'],
  department_missing: ['请写明转给哪个部门。', 'Say which department it was passed to.', 'department'],
  duplicate_of_missing: ['请写明与哪一案重复。', 'Say which case it repeats.', 'duplicate_of'],
  search_not_shown: ['未发现的，请拍照或写明查找范围。', 'Nobody found: add a photo or write where you looked.', 'photos'],
} // prettier-ignore

/** What an officer should be told before sending: a rule that this record does not keep yet, life first. */
export function missing(draft: Draft): Violation[] {
  const found: Violation[] = []
  const { outcome } = draft
  const people = met(draft)
  const say = (when: boolean, code: string, person: number | null = null) => {
    const [zh, en, field] = SAYS[code]!
    if (when) found.push({ code, zh, en, field, person })
  }
  const each = (code: string, is: (one: PersonMet) => boolean) =>
    people.forEach((one, person) => say(is(one), code, person))
  if (!outcome) {
    say(true, 'outcome_missing')
    return found
  }
  const asked = asks(draft)
  const ill = people.some(one => one.acutely_ill)
  say(asked.has('medical_called_at') && !draft.medicalCalledAt, 'medical_not_called')
  say(ill && outcome !== 'to_hospital' && !draft.medicalNote.trim(), 'medical_note_missing')
  say(asked.has('people') && !people.length, 'people_missing')
  if (outcome === 'escorted_to_station' || outcome === 'to_family') {
    each('escorted_against_will', one => one.consent === 'refused' && decides(one))
    each('consent_missing', one => !hasConsent(one) && !(one.consent === 'refused' && decides(one)))
  }
  say(asked.has('info_left') && !draft.infoLeft, 'info_not_left')
  say(asked.has('supplies') && !draft.suppliesRefused && !draft.supplies.length, 'supplies_missing')
  say(asked.has('persuasion') && !draft.persuasion.trim(), 'persuasion_missing')
  if (LEFT_THERE.has(outcome)) {
    each('minor_left', isMinor)
    each('incapable_left', one => !isMinor(one) && !decides(one))
    const may = (one: PersonMet) => outcome === 'stays_supplies_given' && one.consent === 'refused'
    each('vulnerable_not_escorted', one => decides(one) && needsEscort(one) && !may(one))
  }
  if (mustBeSigned(draft)) {
    say(!draft.facility.trim() || !draft.receiver.trim(), 'hand_over_missing')
    say(!draft.crewSignature || !draft.receiverSignature, 'hand_over_unsigned')
  }
  say(outcome === 'to_hospital' && !draft.facility.trim(), 'hospital_missing')
  say(outcome === 'to_hospital' && !draft.stationToldAt, 'station_not_told')
  const crime = outcome === 'to_police' || people.some(one => one.suspicions.length > 0)
  say(crime && (!draft.policeToldAt || !draft.policeToldBy.trim()), 'police_not_told')
  each(
    'sent_back_to_violence',
    one => outcome === 'to_family' && isHurtAtHome(one) && (isMinor(one) || one.consent !== 'given'),
  )
  say(outcome === 'to_family' && !draft.familyChecked, 'family_not_checked')
  each('foreigner_not_confirmed', one => one.is_foreigner && !draft.policeToldAt)
  say(ESCORTED.has(outcome) && draft.crewSize < 2, 'escort_too_small')
  each('woman_missing', one => isCared(one, outcome) && byWoman(one) && !draft.crewHasWoman)
  each('man_missing', one => isCared(one, outcome) && !byWoman(one) && !draft.crewHasMan)
  say(people.length > 1 && draft.separated && !draft.separatedGround.trim(), 'family_separated')
  say(asked.has('department') && !draft.department.trim(), 'department_missing')
  say(draft.incident !== null && !draft.note.trim(), 'incident_undescribed')
  say((draft.incident === 'death' || draft.incident === 'missing') && !draft.policeToldAt, 'incident_police_not_told')
  say(outcome === 'not_found' && !draft.note.trim() && !draft.photos.length, 'search_not_shown')
  say(outcome === 'duplicate' && !draft.duplicateOf.trim(), 'duplicate_of_missing')
  return found
}

const AT_HOME = new Set<string>(['domestic_violence', 'abuse', 'trafficking'])
const isHurtAtHome = (one: PersonMet): boolean => one.suspicions.some(what => AT_HOME.has(what))
const hasConsent = (one: PersonMet): boolean =>
  one.consent === 'given' ||
  (isMinor(one) && one.consent !== 'not_asked') ||
  (one.consent !== 'not_asked' && one.consent_ground.trim().length > 0)
const isCared = (one: PersonMet, outcome: Outcome): boolean =>
  (one.searched || ESCORTED.has(outcome)) && (isMinor(one) || one.sex === 'female')
const byWoman = (one: PersonMet): boolean => one.sex !== 'male' || ['infant', 'child'].includes(one.age_band)

/** The record as the server takes it. What was entered for another outcome is left out. wishes: the words that say whose they are.
 * referralId: the referral by which they are handed over. */
export function recordOf(
  draft: Draft,
  handledAt: string,
  wishes: (said: string) => string,
  referralId: string | null = null,
): Shapes['Handling'] {
  const asked = asks(draft)
  const people = met(draft)
  const when = <T>(field: Field, value: T, otherwise: T): T => (asked.has(field) ? value : otherwise)
  const said = people.length && draft.wishes.trim() ? [wishes(draft.wishes.trim())] : []
  return {
    outcome: draft.outcome!,
    handled_at: handledAt,
    people: people.map(one => ({
      ...one,
      consent_ground: asksGround(one) ? one.consent_ground.trim() : '',
      vulnerable: [...one.vulnerable],
      suspicions: [...one.suspicions],
    })),
    crew_size: draft.crewSize,
    crew_has_woman: draft.crewHasWoman,
    crew_has_man: draft.crewHasMan,
    info_left: when('info_left', draft.infoLeft, false),
    supplies: when('supplies', draft.suppliesRefused ? [] : [...draft.supplies], []),
    supplies_refused: when('supplies', draft.suppliesRefused, false),
    persuasion: when('persuasion', draft.persuasion.trim(), ''),
    station_told_at: when('station_told_at', draft.stationToldAt, null),
    medical_called_at: when('medical_called_at', draft.medicalCalledAt, null),
    medical_note: when('medical_note', draft.medicalNote.trim(), ''),
    police_told_at: when('police_told_at', draft.policeToldAt, null),
    police_told_by: when('police_told_by', draft.policeToldBy.trim(), ''),
    foreign_affairs_told_at: when('foreign_affairs_told_at', draft.foreignAffairsToldAt, null),
    hand_over: asked.has('hand_over') ? handOverOf(draft, referralId) : null,
    family_relation_checked: when('family_relation_checked', draft.familyChecked, false),
    family_separated_ground: asked.has('family_separated_ground') && draft.separated ? draft.separatedGround.trim() : null,
    department: when('department', draft.department.trim(), ''),
    duplicate_of: when('duplicate_of', draft.duplicateOf.trim(), ''),
    incident: draft.incident,
    note: [...said, draft.note.trim()].filter(Boolean).join('\n'),
    photos: draft.photos.length,
  } // prettier-ignore
}

function handOverOf(draft: Draft, referralId: string | null): Shapes['HandOver'] | null {
  const belongings = draft.belongings.filter(one => one.what.trim())
  const condition = draft.condition.trim()
  const paper = {
    facility: draft.facility.trim(),
    receiver: draft.receiver.trim(),
    signed_by_crew: draft.crewSignature !== null,
    signed_by_receiver: draft.receiverSignature !== null,
    crew_signature: draft.crewSignature?.id ?? null,
    receiver_signature: draft.receiverSignature?.id ?? null,
    ...(referralId ? { referral_id: referralId } : {}),
    ...(belongings.length ? { belongings: belongings.map(one => ({ ...one, what: one.what.trim(), note: one.note.trim() })) } : {}),
    ...(condition ? { condition } : {}),
  } // prettier-ignore
  const isWritten = paper.facility || paper.receiver || paper.signed_by_crew || paper.signed_by_receiver
  return isWritten || referralId || belongings.length || condition ? paper : null
}
