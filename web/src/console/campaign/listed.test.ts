import { expect, test } from 'vitest'
import type { LiveEvent } from '@/shared/live/state'
import { grouped, merged } from './listed'
import type { Campaign } from './shapes'

const aCampaign = (id: string, more: Partial<Campaign> = {}) =>
  ({
    id,
    state: 'running',
    proposed_at: `2026-01-0${id}T08:00:00Z`,
    regions: ['210200'],
    note: 'why',
    ...more,
  }) as Campaign
const event = (rows: object[]) =>
  ({ kind: 'campaign.closed', data: { rows: { campaigns: rows } } }) as unknown as LiveEvent
const before = new Map([['1', aCampaign('1')]])

test('an event changes the campaign that it names, and keeps what no event carries', () => {
  const after = merged(before, event([{ id: '1', state: 'closed', close_reason: 'lifted' }]))
  if (after === 'ask') throw new Error('asked')
  expect(after.get('1')).toMatchObject({ state: 'closed', close_reason: 'lifted', note: 'why' })
})

test('one that is not known here is asked for, anything else changes nothing', () => {
  expect(merged(before, event([{ id: '2', state: 'running' }]))).toBe('ask')
  expect(merged(before, event([]))).toBe(before)
  expect(merged(before, { kind: 'case.opened', data: {} } as unknown as LiveEvent)).toBe(before)
})

test('what waits for an answer stands on top, and in each group the newest', () => {
  const all = [
    aCampaign('1'),
    aCampaign('2', { state: 'closed' }),
    aCampaign('3', { state: 'proposed' }),
    aCampaign('4'),
    aCampaign('5', { state: 'declined' }),
  ]
  const groups = grouped(all).map(group => [group.state, ...group.campaigns.map(one => one.id)])
  expect(groups).toEqual([
    ['proposed', '3'],
    ['running', '4', '1'],
    ['closed', '5', '2'],
  ])
  expect(grouped([])).toEqual([])
})
