import { expect, test } from 'vitest'
import type { Action } from '../queue/store'
import { aDraft, aPerson, recordOf, type Draft, type PersonMet } from './record'
import { askFirst, needsOf, referChain, referralChain, standing, wishOf, type CrewReferral } from './referring'

const draft = (outcome: Draft['outcome'], ...people: Partial<PersonMet>[]): Draft => ({
  ...aDraft(people.map(aPerson)),
  outcome,
})
const asked = (state: CrewReferral['state'], more: Partial<CrewReferral> = {}): CrewReferral =>
  ({
    id: 'r1',
    number: 1,
    state,
    to: { id: 'f1', name: '站' },
    offered_at: '2016-09-19T01:00:00Z',
    ...more,
  }) as CrewReferral
const act = (kind: string, chain: string, more: Partial<Action> = {}): Action =>
  ({ id: kind, kind, chain, state: 'waiting', answer: null, sentAt: null, madeAt: 0, occurredAt: Date.parse('2016-09-19T01:10:00Z'), ...more }) as Action // prettier-ignore

test('a capable adult is asked, and whoever refuses is not taken', () => {
  expect(askFirst(draft('escorted_to_station', { consent: 'not_asked' }))).toBe('consent')
  expect(askFirst(draft('escorted_to_station', { consent: 'refused', capacity: 'capable' }))).toBe('refused')
  expect(askFirst(draft('escorted_to_station', { consent: 'given' }, { age_band: 'child' }))).toBeNull()
  expect(askFirst(draft('to_hospital', { consent: 'not_asked', acutely_ill: true }))).toBeNull()
})

test('what is asked says who they are, what they need, and on what ground they come', () => {
  const child = wishOf(draft('escorted_to_station', { age_band: 'child', sex: 'male' }), 'c1', 'f1', 'station')
  expect(child).toMatchObject({ to_kind: 'facility', case_id: 'c1', to_facility: 'f1', consent: 'not_needed', consent_ground: 'minor' })
  const ill = wishOf(draft('to_hospital', { acutely_ill: true, consent: 'not_possible' }), 'c1', 'f6', 'hospital')
  expect(ill).toMatchObject({ to_kind: 'hospital', consent: 'not_needed', consent_ground: 'danger' })
  expect(ill.people[0]).toMatchObject({ index: 0, needs: ['acutely_ill'] })
  expect(wishOf(draft('escorted_to_station', { consent: 'given' }), 'c1', 'f1', 'station').consent_ground).toBeNull()
  expect(needsOf(aPerson({ vulnerable: ['old', 'dementia'], is_foreigner: true, suspicions: ['abuse'] }))).toEqual(['dementia', 'foreigner', 'violence'])
}) // prettier-ignore

test('what was done here is laid over what the server told', () => {
  const arrived = standing([asked('accepted')], [act('refer_arrived', referralChain('r1'))], 'c1', 0).live
  expect([arrived?.state, arrived?.arrived_at]).toEqual(['arrived', '2016-09-19T01:10:00.000Z'])
  expect(standing([asked('accepted')], [act('refer_withdraw', referralChain('r1'))], 'c1', 0).live).toBeNull()
  expect(standing([asked('refused', { reason: '床位已满' })], [], 'c1', 0).tried).toHaveLength(1)
})

test('a question is open until the server tells of it, and one that was refused is said', () => {
  const ask = act('refer', referChain('c1'))
  expect(standing([], [ask], 'c1', 0).asking).toBe(ask)
  const sent = { ...ask, state: 'sent' as const, sentAt: 10, answer: { referral_id: 'r1' } }
  expect(standing([], [sent], 'c1', 5).asking).toBe(sent)
  expect(standing([asked('offered')], [sent], 'c1', 5).asking).toBeNull()
  expect(standing([], [sent], 'c1', 20).asking).toBeNull()
  const refused = { ...ask, state: 'refused' as const }
  expect(standing([], [refused], 'c1', 0)).toMatchObject({ asking: null, refused: { id: 'refer' } })
})

test('the record names the referral, and what goes along', () => {
  const one = {
    ...draft('escorted_to_station', { consent: 'given' }),
    condition: '左腿疼',
    belongings: [
      { what: ' 背包 ', count: 1, note: '' },
      { what: ' ', count: 1, note: '' },
    ],
  }
  const paper = recordOf(one, '2016-09-19T01:10:00Z', String, 'r1').hand_over
  expect(paper).toMatchObject({ referral_id: 'r1', condition: '左腿疼', belongings: [{ what: '背包', count: 1 }] })
  expect(
    recordOf(draft('escorted_to_station', { consent: 'given' }), '2016-09-19T01:10:00Z', String).hand_over,
  ).toBeNull()
})
