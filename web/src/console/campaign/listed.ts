/** The list of campaigns and how an event changes it. Pure. */
import type { LiveEvent } from '@/shared/live/state'
import type { Campaign } from './shapes'

type Campaigns = ReadonlyMap<string, Campaign>

/** The list after the event: the same object when it is about something else; 'ask' when it names a campaign that is not known here. */
export function merged(before: Campaigns, event: LiveEvent): Campaigns | 'ask' {
  const rows = (event.data.rows?.campaigns ?? []) as Partial<Campaign>[]
  if (!rows.length) return before
  const after = new Map(before)
  for (const row of rows) {
    const whole = { ...after.get(String(row.id)), ...row } as Campaign
    // What an event cannot tell of a new one (its words are sealed) is asked for.
    if (!after.has(String(row.id))) return 'ask'
    after.set(whole.id, whole)
  }
  return after
}

const GROUPS: readonly (readonly Campaign['state'][])[] = [['proposed'], ['running'], ['closed', 'declined']]

/** Proposed ones, running ones, over ones; in each the newest first. Groups without any are left out. */
export function grouped(all: Iterable<Campaign>): { state: Campaign['state']; campaigns: Campaign[] }[] {
  const newest = [...all].sort((a, b) => b.proposed_at.localeCompare(a.proposed_at))
  return GROUPS.map(states => ({
    state: states[0]!,
    campaigns: newest.filter(one => states.includes(one.state)),
  })).filter(group => group.campaigns.length)
}
