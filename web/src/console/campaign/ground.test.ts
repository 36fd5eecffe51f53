import { describe, expect, test } from 'vitest'
import type { LiveEvent } from '@/shared/live/state'
import { apply, asksAgain, count, groundOf, progressOf, standing } from './ground'
import type { Cell, Tour } from './shapes'

const NOW = Date.parse('2026-01-08T22:00:00+08:00')
const at = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString()
const aCell = (cell: string, more: Partial<Cell> = {}): Cell => ({
  cell,
  lon: 121.6,
  lat: 38.9,
  name: null,
  score: 1,
  state: 'due',
  due_at: at(60),
  looked_at: null,
  looks: 0,
  detection: null,
  team_id: null,
  leased_until: null,
  dropped_because: null,
  overdue: false,
  unserved: false,
  ...more,
})
const aTour = (id: string, team_id: string, cells: string[], more: Partial<Tour> = {}): Tour => ({
  id,
  team_id,
  cells,
  minutes: cells.map(() => 4),
  state: 'current',
  planned_at: at(0),
  why: 'first',
  ...more,
})
const event = (kind: string, rows: Record<string, unknown[]>, campaign_id = 'z') =>
  ({ kind, data: { campaign_id, rows } }) as unknown as LiveEvent
const ground = groundOf('z', {
  cells: [aCell('a'), aCell('b'), aCell('c')],
  tours: [aTour('t1', 'T1', ['a', 'b']), aTour('t0', 'T2', ['c'], { state: 'replaced' })],
})

describe('an event', () => {
  test('changes the cells that it names and no others', () => {
    const row = { campaign_id: 'z', cell: 'a', state: 'covered', looked_at: at(0), looks: 1, due_at: at(120) }
    const after = apply(ground, event('sweep.looked', { sweep_cells: [row] }))
    expect(after.cells.get('a')).toMatchObject({ state: 'covered', looks: 1, lon: 121.6 })
    expect(after.cells.get('b')).toBe(ground.cells.get('b'))
    expect(after.tours).toBe(ground.tours)
    expect(ground.cells.get('a')!.state).toBe('due')
  })

  test('told twice is told once', () => {
    const told = event('sweep.looked', { sweep_cells: [{ campaign_id: 'z', cell: 'a', state: 'covered' }] })
    expect(apply(apply(ground, told), told)).toEqual(apply(ground, told))
  })

  test('of another campaign, or of something else, leaves the very same picture', () => {
    expect(apply(ground, event('sweep.looked', { sweep_cells: [{ campaign_id: 'y', cell: 'a', state: 'covered' }] }))).toBe(ground) // prettier-ignore
    expect(apply(ground, event('case.opened', { cases: [{ id: '1' }] }))).toBe(ground)
  })

  test('that plans anew replaces the tour of a team, whichever row comes first', () => {
    const rows = [aTour('t2', 'T1', ['b']), { id: 't1', campaign_id: 'z', state: 'replaced' }]
    for (const order of [rows, rows.toReversed()]) {
      const after = apply(ground, event('sweep.planned', { sweep_tours: order }))
      expect([...after.tours.values()].map(one => one.id)).toEqual(['t2'])
    }
  })

  test('about cells that nobody asked for yet makes the screen ask again, and nothing else does', () => {
    expect(asksAgain(ground, event('sweep.laid_out', {}))).toBe(true)
    expect(asksAgain(ground, event('sweep.laid_out', {}, 'y'))).toBe(false)
    expect(asksAgain(ground, event('sweep.dropped', { sweep_cells: [{ cell: 'new', state: 'due' }] }))).toBe(true)
    expect(asksAgain(ground, event('sweep.looked', { sweep_cells: [{ cell: 'a', state: 'covered' }] }))).toBe(false)
  })
})

test('how a cell stands follows from the time, without any message', () => {
  expect(standing(aCell('a'), NOW)).toBe('due')
  expect(standing(aCell('a', { due_at: at(-1) }), NOW)).toBe('overdue')
  expect(standing(aCell('a', { state: 'covered', due_at: at(5) }), NOW)).toBe('covered')
  expect(standing(aCell('a', { state: 'covered', due_at: at(-5) }), NOW)).toBe('overdue')
  expect(standing(aCell('a', { state: 'leased', leased_until: at(5) }), NOW)).toBe('leased')
  expect(standing(aCell('a', { state: 'leased', leased_until: at(-5) }), NOW)).toBe('due')
  expect(standing(aCell('a', { state: 'leased', leased_until: at(-5), looked_at: at(-30) }), NOW)).toBe('covered')
  expect(standing(aCell('a', { state: 'dropped', due_at: at(-5) }), NOW)).toBe('dropped')
})

test('what is dropped is not counted against anybody, and of nothing there is no share', () => {
  const cells = [
    aCell('a', { state: 'covered', looked_at: at(-10) }),
    aCell('b', { due_at: at(-1) }),
    aCell('c'),
    aCell('d', { state: 'dropped' }),
  ]
  expect(count(cells, NOW)).toMatchObject({ cells: 4, covered: 1, overdue: 1, due: 1, dropped: 1, share: 1 / 3 })
  expect(count([aCell('d', { state: 'dropped' })], NOW).share).toBeNull()
})

test('a team is where it holds a cell, else on its way to the next one', () => {
  expect(progressOf(ground, 'T1')).toMatchObject({ at: { cell: 'a' }, left: 2, done: 0, minutes: 8 })
  const rows = [
    { cell: 'a', state: 'covered', looked_at: at(3) },
    { cell: 'b', state: 'leased', team_id: 'T1', looked_at: at(-90) },
  ]
  const after = apply(ground, event('sweep.looked', { sweep_cells: rows }))
  expect(progressOf(after, 'T1')).toMatchObject({ at: { cell: 'b' }, isThere: true, left: 1, done: 1, minutes: 4 })
  expect(progressOf(after, 'T9')).toMatchObject({ tour: null, at: null, left: 0 })
})
