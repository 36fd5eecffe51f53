import { expect, test } from 'vitest'
import type { Referral } from '@/shared/live/state'
import { lineOf, ofCase, waiting } from './standing'

const AT = Date.parse('2016-09-19T09:00:00+08:00')
const MINUTE = 60_000
const iso = (minutes: number) => new Date(AT + minutes * MINUTE).toISOString()
const referral = (id: string, more: Partial<Referral> = {}): Referral =>
  ({
    id, number: Number(id), case_id: 'c', state: 'offered', offered_at: iso(0), answer_due_at: iso(30), answered_at: null,
    reserved_until: null, arrived_at: null, ended_at: null, alarm: null, level: 0, ...more,
  }) as Referral // prettier-ignore
const tables = (...all: Referral[]) => ({ referrals: new Map(all.map(one => [one.id, one])) })

test('an answer, the way and the signatures each have their time and their light', () => {
  const lights = (one: Referral) => [10, 25, 31].map(minutes => lineOf(one, AT + minutes * MINUTE).light)
  expect(lights(referral('1'))).toEqual(['green', 'yellow', 'red'])
  expect(lineOf(referral('1', { state: 'accepted', answered_at: iso(5), reserved_until: iso(125) }), AT).dueS).toBe(
    7500,
  )
  expect(lights(referral('1', { state: 'arrived', arrived_at: iso(0) }))).toEqual(['green', 'yellow', 'red'])
  expect(lineOf(referral('1', { state: 'refused', ended_at: iso(3) }), AT).light).toBe('none')
})

test('what is an alarm stands on top, then what is due next, and what is over not at all', () => {
  const late = referral('3', { alarm: 'not_answered', answer_due_at: iso(60) })
  const state = tables(
    referral('1', { answer_due_at: iso(50) }),
    referral('2'),
    late,
    referral('4', { ended_at: iso(1) }),
  )
  expect(waiting(state, AT).map(line => line.one.id)).toEqual(['3', '2', '1'])
})

test('a case has those that were listed, as events left them', () => {
  const known = [referral('1'), referral('2', { state: 'refused', ended_at: iso(2) })]
  const state = tables(referral('1', { state: 'accepted' }), referral('5'), referral('9', { case_id: 'other' }))
  expect(ofCase(known, state, 'c').map(one => [one.id, one.state])).toEqual([
    ['5', 'offered'],
    ['2', 'refused'],
    ['1', 'accepted'],
  ])
})
