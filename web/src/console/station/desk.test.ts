import { expect, test } from 'vitest'
import type { LiveEvent } from '@/shared/live/state'
import { actsFor, meeting } from './acts'
import { after, inOrder, lines } from './desk'
import type { Deadline, Desk, OnTheWay, StayFile, StayShown } from './shapes'

const NOW = Date.parse('2026-01-10T08:00:00Z')
const aDeadline = (id: string, due_at: string, more: Partial<Deadline> = {}) =>
  ({
    id,
    kind: 'search_notice',
    state: 'running',
    due_at,
    yellow_at: '2026-01-10T09:00:00Z',
    ended_at: null,
    ...more,
  }) as Deadline
const aStay = (id: string, deadlines: Deadline[], more: Partial<StayShown> = {}) =>
  ({
    id,
    state: 'present',
    arrived_at: `2026-01-0${id}T08:00:00Z`,
    person: { id: `p${id}`, is_identified: false },
    deadlines,
    ...more,
  }) as StayShown
const desk = {
  facility_id: 'F01',
  present: [aStay('1', [aDeadline('c1', '2026-01-10T10:00:00Z')]), aStay('2', [])],
  left: [aStay('3', [], { state: 'left' })],
} as unknown as Desk
const event = (kind: string, rows: object, facilities = ['F01']) =>
  ({ kind, data: { rows, facilities } }) as unknown as LiveEvent

test('what is told of another house, or of nobody here, changes nothing', () => {
  expect(after(desk, event('stay.begun', { stays: [{ id: '9', state: 'present' }] }, ['F02']))).toBe(desk)
  expect(after(desk, event('person.described', { persons: [{ id: 'p9', sex: 'male' }] }))).toBe(desk)
  expect(after(desk, { kind: 'case.opened', data: {} } as unknown as LiveEvent)).toBe(desk)
})

test('who comes, goes or is referred is asked for: places and lists are others then', () => {
  expect(after(desk, event('stay.begun', { stays: [{ id: '9', state: 'present' }] }))).toBe('ask')
  expect(after(desk, event('stay.ended', { stays: [{ id: '1', state: 'left' }] }))).toBe('ask')
  expect(after(desk, event('referral.offered', { referrals: [{ id: 'r1' }] }))).toBe('ask')
})

test('a deadline met and a name found change the one line', () => {
  const told = event('person.identified', {
    persons: [{ id: 'p1', is_identified: true }],
    stay_clocks: [{ id: 'c1', state: 'cancelled', ended_at: '2026-01-10T08:00:00Z' }],
  })
  const changed = after(desk, told)
  if (changed === 'ask') throw new Error('asked')
  expect(changed.present[0]!.person).toMatchObject({ id: 'p1', is_identified: true })
  expect(changed.present[0]!.deadlines[0]).toMatchObject({ state: 'cancelled', kind: 'search_notice' })
  expect(changed.present[1]).toBe(desk.present[1])
})

test('a new deadline of somebody here stands where it is due', () => {
  const one = { id: 'c2', stay_id: '1', kind: 'dna_answer', due_at: '2026-01-10T09:30:00Z', ended_at: null }
  const changed = after(desk, event('stay.dna_requested', { stay_clocks: [one] }))
  if (changed === 'ask') throw new Error('asked')
  expect(changed.present[0]!.deadlines.map(each => each.id)).toEqual(['c2', 'c1'])
})

test('what is due first stands on top with its light, who has nothing due comes last', () => {
  const over = aStay('4', [aDeadline('c4', '2026-01-10T07:00:00Z', { yellow_at: '2026-01-10T06:00:00Z' })])
  const found = lines([...desk.present, over], NOW)
  expect(found.map(one => [one.stay.id, one.light, one.dueS])).toEqual([
    ['4', 'red', -3600],
    ['1', 'green', 7200],
    ['2', 'none', null],
  ])
})

test('who stands at the door comes before who is asked for and who is on the way', () => {
  const one = (state: string, number: number) => ({ due_at: null, referral: { state, number } }) as unknown as OnTheWay
  const found = inOrder([one('accepted', 1), one('offered', 2), one('handed_over', 3), one('arrived', 4)])
  expect(found.map(each => each.referral.number)).toEqual([4, 3, 2, 1])
})

test('each deadline has the act that meets it, as long as it can be done', () => {
  const file = (stay: object, person: object) =>
    ({ stay: { state: 'present', ...stay }, person: { is_identified: false, ...person } }) as unknown as StayFile
  expect(meeting(actsFor(file({}, {})))).toMatchObject({ dna_request: 'dna' })
  expect(meeting(actsFor(file({ dna_requested_at: 'x' }, {})))).toMatchObject({ dna_answer: 'dnaAnswer' })
  expect(actsFor(file({}, { is_identified: true })).has('dna')).toBe(false)
  expect(actsFor(file({}, { is_identified: true })).has('withdraw')).toBe(true)
  expect(actsFor(file({ state: 'left', how: 'hospital' }, {})).has('identify')).toBe(true)
  expect([...actsFor(file({ state: 'left', how: 'home' }, {}))]).toEqual([])
})
