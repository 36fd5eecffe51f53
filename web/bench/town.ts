/** A made-up night: so many teams that all move every second, and so many open cases with their clocks. The same every time. */
import type { Case, Clock, State, Team } from '@/shared/live/state'
import { EMPTY } from '@/shared/live/state'

export type Row = [teamId: string, atMs: number, lon: number, lat: number, headingDeg: number]
const [WEST, SOUTH, EAST, NORTH] = [121.5, 38.86, 121.7, 38.96]
const STAGES = ['discovered', 'accepted', 'dispatched', 'handling', 'handled'] as const

/** Numbers from 0 to 1 that look like chance. */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export function townOf(teams: number, cases: number, now: number): State {
  const next = chance(1)
  const at = new Date(now).toISOString()
  const made: Team[] = Array.from({ length: teams }, (_, n) => ({
    id: `team-${n}`, code: `T${n}`, name: `${n}队`, organisation: 'police', mode: 'car', skills: [], size: 2, regions: ['210200'],
    state: 'on_duty', state_since: at, shift_ends_at: null, lon: null, lat: null, fix_at: null, heading_deg: null,
  }) as unknown as Team) // prettier-ignore
  const open: Case[] = Array.from({ length: cases }, (_, n) => {
    const stage = STAGES[n % STAGES.length]!
    return {
      id: `case-${n}`, number: 2016091900000 + n, stage, priority: n % 9 ? 'normal' : 'critical', dangers: [], regions: ['210200'],
      lon: WEST + next() * (EAST - WEST), lat: SOUTH + next() * (NORTH - SOUTH), stage_since: at, opened_at: at, people_count: 1,
      sighting_count: 1, channel: 'web', alarm: null, team_id: stage === 'dispatched' || stage === 'handling' ? `team-${n}` : null,
    } as unknown as Case // prettier-ignore
  })
  const clocks: Clock[] = open.map(one => {
    const dueMs = now + (next() - 0.2) * 3_600_000
    const due_at = new Date(dueMs).toISOString()
    const yellow_at = new Date(dueMs - 360_000).toISOString()
    return { case_id: one.id, kind: 'whole', state: 'running', due_at, yellow_at, ended_at: null, paused_at: null } as unknown as Clock
  }) // prettier-ignore
  return {
    ...EMPTY,
    seq: 1,
    teams: new Map(made.map(team => [team.id, team])),
    cases: new Map(open.map(one => [one.id, one])),
    clocks: new Map(clocks.map(clock => [`${clock.case_id}/${clock.kind}`, clock])),
  }
}

/** Every second the place of every team: some ten metres further, now and then in another direction. */
export function* moving(teams: number, start: number): Generator<Row[]> {
  const next = chance(2)
  const places = Array.from({ length: teams }, () => [
    WEST + next() * (EAST - WEST),
    SOUTH + next() * (NORTH - SOUTH),
    next() * 360,
  ])
  for (let second = 0; ; second += 1) {
    yield places.map(([lon, lat, heading], n) => [`team-${n}`, start + second * 1000, lon!, lat!, Math.round(heading!)])
    for (const place of places) {
      if (next() < 0.1) place[2] = next() * 360
      const turn = (place[2]! * Math.PI) / 180
      place[0]! += 1.4e-4 * Math.sin(turn)
      place[1]! += 1.1e-4 * Math.cos(turn)
    }
  }
}
