import { expect, test } from 'vitest'
import type { Case, DistressCall, LiveEvent } from '@/shared/live/state'
import { callsOf, joinedInto, kindOf, MUTABLE } from './alarm-kinds'

const event = (kind: string, data: Record<string, unknown> = {}) =>
  ({ seq: 1, id: '1', kind, case_id: 'c', data }) as unknown as LiveEvent

test('a search that finds nobody, a team not reached, a missed clock, a gap and a request call for attention', () => {
  const told = ['search.alarm', 'case.not_reached', 'clock.missed', 'circle.gap_opened', 'approval.asked']
  expect(told.map(kind => kindOf(event(kind)))).toEqual(['search', 'not_reached', 'clock', 'gap', 'approval'])
})
test('a critical case calls for attention, and one that a person must accept', () => {
  const opened = (row: Record<string, unknown>) => event('case.opened', { rows: { cases: [{ id: 'c', ...row }] } })
  expect(kindOf(opened({ priority: 'critical', stage: 'accepted' }))).toBe('critical')
  expect(kindOf(opened({ priority: 'normal', stage: 'discovered' }))).toBe('new_case')
  expect(kindOf(opened({ priority: 'normal', stage: 'accepted' }))).toBeNull()
})
test('a case that its reporter makes critical later calls for attention, and one that only grows does not', () => {
  const detailed = (raised: boolean, row: Record<string, unknown>) =>
    event('case.detailed', { raised, rows: { cases: [{ id: 'c', ...row }] } })
  expect(kindOf(detailed(true, { priority: 'critical' }))).toBe('critical')
  expect(kindOf(detailed(true, { priority: 'high' }))).toBeNull()
  expect(kindOf(detailed(false, {}))).toBeNull()
})
test('an offer within the circle is no alarm, one outside is', () => {
  expect(kindOf(event('offer.made'))).toBeNull()
  expect(kindOf(event('offer.made', { alarm: 'outside_circle' }))).toBe('search')
})
test('a case that was opened and joined into another says so; a clock of it stays what it is', () => {
  const cases = new Map([['c', { id: 'c', joined_into: 'd' } as Case]])
  expect(joinedInto(event('case.opened'), cases)).toBe('d')
  expect(joinedInto(event('case.opened'), new Map())).toBeNull()
  expect(joinedInto(event('clock.missed'), cases)).toBeNull()
})
test('a crew that calls for help is an alarm of its own that nobody can mute', () => {
  expect(
    ['team.distress', 'team.distress_escalated', 'team.distress_answered'].map(kind => kindOf(event(kind))),
  ).toEqual(['distress', 'distress', null])
  expect(MUTABLE).not.toContain('distress')
})
test('what is reported up at once is an alarm that nobody can mute: raised, not acknowledged, owed', () => {
  const told = ['incident.raised', 'incident.escalated', 'incident.owed', 'incident.acknowledged']
  expect(told.map(kind => kindOf(event(kind)))).toEqual(['incident', 'incident', 'incident', null])
  expect(MUTABLE).not.toContain('incident')
})
test('calls for help that nobody has answered come first, the oldest on top, and those that are over are gone', () => {
  const call = (id: string, raised_at: string, more: Partial<DistressCall> = {}) =>
    [id, { id, raised_at, answered_at: null, over_at: null, ...more } as DistressCall] as const
  const calls = new Map([
    call('answered', '2016-09-19T06:00:00+08:00', { answered_at: '2016-09-19T06:01:00+08:00' }),
    call('second', '2016-09-19T06:09:00+08:00'),
    call('first', '2016-09-19T06:08:00+08:00'),
    call('over', '2016-09-19T05:00:00+08:00', { over_at: '2016-09-19T05:30:00+08:00' }),
  ])
  expect(callsOf(calls).map(one => one.id)).toEqual(['first', 'second', 'answered'])
})

test('a campaign calls when somebody must answer or work begins or grows, not when it ends', () => {
  const of = (kind: string) => kindOf(event(kind))
  for (const kind of ['campaign.proposed', 'campaign.escalated', 'campaign.opened', 'campaign.upgraded'])
    expect(of(kind)).toBe('campaign')
  for (const kind of ['campaign.closed', 'campaign.downgraded', 'sweep.looked', 'sweep.planned'])
    expect(of(kind)).toBeNull()
})
test('of a referral a desk hears what it has to see to, and not what the two sides settle', () => {
  expect(kindOf(event('referral.refused', { told: ['giver', 'dispatcher'] }))).toBe('referral')
  expect(kindOf(event('referral.escalated', { told: ['shift_leader'], alarm: 'not_answered' }))).toBe('referral')
  expect(kindOf(event('referral.offered', { told: ['receiver'] }))).toBeNull()
  expect(kindOf(event('referral.accepted', { told: ['giver'] }))).toBeNull()
})
