import { expect, test } from 'vitest'
import { light, queue } from './lights'
import { apply, EMPTY, type Case, type Clock, type Offer, type Snapshot } from './live/state'

const NOW = Date.parse('2016-09-19T08:00:00+08:00')
const at = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString()
const aCase = (id: string, more: Partial<Case> = {}) =>
  ({ id, number: Number(id), stage: 'accepted', priority: 'normal', alarm: null, ...more }) as Case
const aClock = (caseId: string, dueMin: number, more: Partial<Clock> = {}) =>
  ({
    case_id: caseId,
    kind: 'on_spot',
    state: 'running',
    due_at: at(dueMin),
    yellow_at: at(dueMin - 6),
    ended_at: null,
    paused_at: null,
    ...more,
  }) as Clock
const board = (cases: Case[], clocks: Clock[], offers: Offer[] = []) =>
  apply(EMPTY, { type: 'snapshot', seq: 1, board: { cases, clocks, offers, teams: [] } as unknown as Snapshot })
const order = (cases: Case[], clocks: Clock[]) => queue(board(cases, clocks), NOW).map(line => line.case.id)

test('a clock is green to its yellow moment, yellow to its due moment, then red; a pause stops the light', () => {
  expect(light(aClock('1', 10), NOW)).toBe('green')
  expect(light(aClock('1', 5), NOW)).toBe('yellow')
  expect(light(aClock('1', -1), NOW)).toBe('red')
  expect(light(aClock('1', -1, { paused_at: at(-5) }), NOW)).toBe('paused')
})

test('what is due next stands first, whatever came first', () => {
  expect(order([aCase('1'), aCase('2')], [aClock('1', 20), aClock('2', 4)])).toEqual(['2', '1'])
})

test('an alarm stands before what is due sooner', () => {
  expect(order([aCase('1'), aCase('2', { alarm: 'outside_circle' })], [aClock('1', 1), aClock('2', 20)])).toEqual([
    '2',
    '1',
  ])
})

test('with the same time left the more dangerous one stands first', () => {
  const cases = [aCase('1'), aCase('2', { priority: 'critical' })]
  expect(order(cases, [aClock('1', 5), aClock('2', 5)])).toEqual(['2', '1'])
})

test('closed cases are not in the queue and suspended ones stand last', () => {
  const cases = [aCase('1', { stage: 'assisted' }), aCase('2', { stage: 'suspended' }), aCase('3')]
  expect(order(cases, [aClock('2', 1, { paused_at: at(-3) }), aClock('3', 25)])).toEqual(['3', '2'])
})

test('the light of a line is the worst of its clocks, the time is of the one that is due first', () => {
  const [line] = queue(board([aCase('1')], [aClock('1', -2), aClock('1', 600, { kind: 'whole' })]), NOW)
  expect(line?.light).toBe('red')
  expect(line?.dueS).toBe(-120)
})
