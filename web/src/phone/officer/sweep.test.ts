import { expect, test } from 'vitest'
import type { Action } from '../queue/store'
import { isThere, projectSweep, tickedBy, type KeptSweep } from './sweep'
import type { Stop } from './sweep-shapes'

const aStop = (cell: string, more: Partial<Stop> = {}): Stop => ({
  cell,
  lon: 121.6,
  lat: 38.9,
  name: null,
  minutes: 4,
  state: 'due',
  due_at: '2026-01-08T23:00:00+08:00',
  looked_at: null,
  overdue: false,
  mine: false,
  boundary: [
    [121.59, 38.89],
    [121.61, 38.89],
    [121.61, 38.91],
    [121.59, 38.91],
  ],
  why: [],
  ...more,
})
const campaign = {
  id: 'z',
  number: 'Z1',
  hazard: 'cold_wave' as const,
  colour: 'orange' as const,
  headline_zh: '',
  headline_en: '',
  expires_at: null,
  supplies: {},
}
const kept = (stops: Stop[], left = stops.length): KeptSweep => ({
  who: 'me',
  askedAt: 1_000,
  sweep: {
    campaign,
    tour: { id: 't', stops, left, planned_at: '2026-01-08T22:00:00+08:00', why: { zh: '', en: '' } },
    now: '2026-01-08T22:10:00+08:00',
  },
})
const said = (kind: string, cell: string, more: Partial<Action> = {}) =>
  ({ who: 'me', kind, state: 'waiting', sentAt: null, body: { campaign_id: 'z', cell }, ...more }) as unknown as Action

test('the first open stop is next; what the server ticked is done', () => {
  const view = projectSweep(kept([aStop('b'), aStop('c'), aStop('a', { state: 'covered' })], 2), [], 'me')!
  expect(view.stops.map(stop => stop.cell)).toEqual(['b', 'c'])
  expect(view.done).toBe(1)
})

test('what was said by hand without a network moves the tour on, until the server has answered', () => {
  const tour = kept([aStop('a'), aStop('b')])
  for (const kind of ['sweep_look', 'sweep_pass']) {
    const view = projectSweep(tour, [said(kind, 'a')], 'me')!
    expect([view.stops.map(stop => stop.cell), view.waits.length]).toEqual([['b'], 1])
  }
  const sent = projectSweep(tour, [said('sweep_look', 'a', { state: 'sent', sentAt: 2_000 })], 'me')!
  expect([sent.stops.length, sent.waits.length]).toEqual([1, 0])
  const before = projectSweep(tour, [said('sweep_look', 'a', { state: 'sent', sentAt: 500 })], 'me')!
  expect(before.stops.length).toBe(2)
  const refused = projectSweep(tour, [said('sweep_look', 'a', { state: 'refused' })], 'me')!
  expect(refused.stops.length).toBe(2)
})

test('nothing is shown of somebody else, nor of another campaign', () => {
  expect(projectSweep(kept([aStop('a')]), [], 'another')).toBeNull()
  const other = said('sweep_look', 'a', { body: { campaign_id: 'y', cell: 'a' } } as Partial<Action>)
  expect(projectSweep(kept([aStop('a')]), [other], 'me')!.stops.length).toBe(1)
})

test('being there is being near the stop or within the outline', () => {
  const stop = aStop('a')
  expect(isThere({ lon: 121.6, lat: 38.9 }, stop, 120)).toBe(true)
  expect(isThere({ lon: 121.608, lat: 38.908 }, stop, 120)).toBe(true)
  expect(isThere({ lon: 121.62, lat: 38.9 }, stop, 120)).toBe(false)
})

test('an event says which place the own track ticked', () => {
  const event = (rows: Record<string, unknown>[], kind = 'sweep.looked') => ({
    kind,
    data: { rows: { sweep_looks: rows } },
  })
  expect(tickedBy(event([{ cell: 'a', team_id: 'T', by: 'track' }, { cell: 'b', team_id: 'U', by: 'track' }]), 'T')).toEqual(['a']) // prettier-ignore
  expect(tickedBy(event([{ cell: 'a', team_id: 'T', by: 'hand' }]), 'T')).toEqual([])
  expect(tickedBy(event([{ cell: 'a', team_id: 'T', by: 'track' }], 'sweep.left'), 'T')).toEqual([])
  expect(tickedBy(event([{ cell: 'a', team_id: 'T', by: 'track' }]), null)).toEqual([])
})
