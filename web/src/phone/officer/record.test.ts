import { expect, test } from 'vitest'
import { aDraft, aPerson, asks, missing, OUTCOMES, recordOf, type Draft, type PersonMet } from './record'

const AT = '2016-09-19T06:40:00Z'
const SIGNED = { crewSignature: { id: 's1', small: '' }, receiverSignature: { id: 's2', small: '' } }
const draft = (more: Partial<Draft>, ...people: Partial<PersonMet>[]): Draft => ({
  ...aDraft(people.length ? people.map(aPerson) : [aPerson({ sex: 'male', age_band: 'adult', consent: 'given' })]),
  ...more,
})
const codes = (one: Draft) => missing(one).map(violation => violation.code)
const record = (one: Draft) => recordOf(one, AT, said => `本人意愿：${said}`)

test('each outcome asks only for what it needs', () => {
  const asked = Object.fromEntries(OUTCOMES.map(outcome => [outcome, [...asks(draft({ outcome }))].sort().join(' ')]))
  expect(asked).toEqual({
    informed_and_guided: 'info_left people',
    stays_supplies_given: 'info_left people persuasion supplies',
    escorted_to_station: 'crew hand_over people receiver signatures station_told_at',
    to_hospital: 'hand_over medical_called_at people receiver signatures station_told_at',
    to_police: 'crew hand_over people police_told_at police_told_by receiver signatures',
    to_family: 'crew family_relation_checked hand_over people receiver signatures',
    not_found: '',
    duplicate: 'duplicate_of',
    other_department: 'department',
  })
})

test('people who are ill, foreign, several or perhaps victims ask for more', () => {
  const left = { outcome: 'informed_and_guided' as const }
  expect([...asks(draft(left, { acutely_ill: true }))]).toEqual(expect.arrayContaining(['medical_called_at', 'medical_note']))
  expect([...asks(draft(left, { is_foreigner: true }))]).toEqual(expect.arrayContaining(['police_told_at', 'foreign_affairs_told_at']))
  expect([...asks(draft(left, { suspicions: ['abuse'] }))]).toEqual(expect.arrayContaining(['police_told_at', 'police_told_by']))
  expect(asks(draft(left, {}, {})).has('family_separated_ground')).toBe(true)
}) // prettier-ignore

test('what was left out is said before it is sent', () => {
  expect(codes(draft({}))).toEqual(['outcome_missing'])
  expect(codes(draft({ outcome: 'stays_supplies_given' }))).toEqual([
    'info_not_left',
    'supplies_missing',
    'persuasion_missing',
  ])
  expect(codes(draft({ outcome: 'to_hospital' }))).toEqual([
    'medical_not_called',
    'hospital_missing',
    'station_not_told',
  ])
  expect(codes(draft({ outcome: 'not_found' }))).toEqual(['search_not_shown'])
  expect(codes(draft({ outcome: 'not_found', note: '桥下和两侧都看过' }))).toEqual([])
  expect(codes(draft({ outcome: 'informed_and_guided', infoLeft: true }))).toEqual([])
})

test('nobody capable is taken along against their will, nobody who cannot decide is left', () => {
  expect(codes(draft({ outcome: 'escorted_to_station' }, { age_band: 'adult', consent: 'refused' }))).toContain('escorted_against_will')
  expect(codes(draft({ outcome: 'escorted_to_station' }, { consent: 'not_possible' }))).toContain('consent_missing')
  expect(codes(draft({ outcome: 'escorted_to_station' }, { consent: 'not_possible', consent_ground: '醉酒' }))).not.toContain('consent_missing')
  expect(codes(draft({ outcome: 'informed_and_guided', infoLeft: true }, { age_band: 'child' }))).toEqual(['minor_left'])
  expect(codes(draft({ outcome: 'informed_and_guided', infoLeft: true }, { capacity: 'limited' }))).toEqual(['incapable_left'])
  expect(codes(draft({ outcome: 'informed_and_guided', infoLeft: true }, { age_band: 'old' }))).toEqual(['vulnerable_not_escorted'])
  const stays = { outcome: 'stays_supplies_given' as const, infoLeft: true, supplies: ['quilt'], persuasion: '劝过' }
  expect(codes(draft(stays, { age_band: 'old', consent: 'refused' }))).toEqual([])
}) // prettier-ignore

test('an old person goes over in writing, signed by both sides, and is cared for by a fitting crew', () => {
  const old = { sex: 'female', age_band: 'old', consent: 'given' } as const
  const bare = draft({ outcome: 'escorted_to_station' }, old)
  expect(codes(bare)).toEqual(['hand_over_missing', 'hand_over_unsigned', 'woman_missing'])
  const whole = { ...bare, facility: '大连市救助管理站', receiver: '王站长', crewHasWoman: true, ...SIGNED }
  expect(codes(whole)).toEqual([])
  expect(record(whole).hand_over).toEqual({
    facility: '大连市救助管理站',
    receiver: '王站长',
    signed_by_crew: true,
    signed_by_receiver: true,
    crew_signature: 's1',
    receiver_signature: 's2',
  })
})

test('what was entered for another outcome is not sent', () => {
  const whole = draft({
    outcome: 'informed_and_guided',
    infoLeft: true,
    supplies: ['quilt'],
    facility: '中心医院',
    medicalCalledAt: AT,
    department: '城管',
    wishes: '想回老家',
    note: '已告知',
  })
  expect(record(whole)).toMatchObject({
    supplies: [],
    hand_over: null,
    medical_called_at: null,
    department: '',
    note: '本人意愿：想回老家\n已告知',
  })
  expect(record({ ...whole, outcome: 'duplicate', duplicateOf: '160919012' }).people).toEqual([])
})
