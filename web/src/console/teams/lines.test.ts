import { describe, expect, it } from 'vitest'
import { EMPTY, type State, type Team } from '@/shared/live/state'
import { age, fitsTeam, teamLines } from './lines'

const NOON = Date.parse('2026-01-05T12:00:00Z')
const team = (code: string, more: Partial<Team> = {}): Team =>
  ({ id: code, code, name: `${code}队`, skills: [], state: 'on_duty', state_since: new Date(NOON - 600_000).toISOString(), shift_ends_at: null, active: true, ...more }) as unknown as Team // prettier-ignore
const stateOf = (...teams: Team[]): State => ({ ...EMPTY, teams: new Map(teams.map(one => [one.id, one])) })
const skill = (code: string) => (code === 'first_aid' ? '急救' : code)

describe('teams as lines', () => {
  it('puts those at work on top and leaves out those out of use', () => {
    const state = stateOf(
      team('C', { state: 'off_duty' }),
      team('B', { state: 'resting' }),
      team('A'),
      team('X', { active: false }),
    )
    expect(teamLines(state, new Map(), NOON).map(line => [line.team.code, line.doing, line.sinceS])).toEqual([
      ['A', 'free', 600],
      ['B', 'resting', 600],
      ['C', 'off_duty', 600],
    ])
  })

  it('knows how old a fix is, and nothing of who is off duty', () => {
    const places = new Map(['A', 'C'].map(id => [id, { lon: 121, lat: 38, at: NOON - 90_000, headingDeg: null }]))
    const lines = teamLines(stateOf(team('A'), team('C', { state: 'off_duty' })), places, NOON)
    expect(lines.map(line => line.fixAgeS)).toEqual([90, null])
  })

  it('is found by name, code and skill', () => {
    const [line] = teamLines(stateOf(team('A', { skills: ['first_aid'] })), new Map(), NOON)
    const found = ['a队', 'A', '急救', '夜班'].map(text => fitsTeam(line!, { text, doing: '' }, skill))
    expect(found).toEqual([true, true, true, false])
    expect(fitsTeam(line!, { text: '', doing: 'resting' }, skill)).toBe(false)
  })

  it('says ages as people do', () => {
    const zh = (text: string) => text
    expect([5, 240, 8100].map(s => age(s, zh))).toEqual(['5 秒', '4 分', '2 小时 15 分'])
  })
})
