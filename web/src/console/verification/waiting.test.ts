import { describe, expect, it } from 'vitest'
import { EMPTY, type Case, type Clock, type State } from '@/shared/live/state'
import { waitingFor } from './waiting'

const NOON = Date.parse('2026-01-05T12:00:00Z')
const handled = (number: number, more: Partial<Case> = {}): Case =>
  ({ id: `case-${number}`, number, stage: 'handled', handled_by: 'officer', handled_by_team: 'team', ...more }) as Case
const verify = (one: Case, dueInMin: number): Clock => {
  const at = new Date(NOON + dueInMin * 60_000).toISOString()
  return { case_id: one.id, kind: 'verify', due_at: at, yellow_at: at, ended_at: null, paused_at: null } as Clock
}
const stateOf = (cases: Case[], clocks: Clock[] = []): State => ({
  ...EMPTY,
  cases: new Map(cases.map(one => [one.id, one])),
  clocks: new Map(clocks.map(clock => [`${clock.case_id}/${clock.kind}`, clock])),
})

describe('what waits to be verified', () => {
  it('is handled cases only, what is due first on top', () => {
    const [late, soon, open] = [handled(1), handled(2), handled(3, { stage: 'handling' })]
    const { lines } = waitingFor(stateOf([late, soon, open], [verify(late, 60), verify(soon, -5)]), 'me', null, NOON)
    expect(lines.map(line => [line.case.number, line.light, line.dueS])).toEqual([
      [2, 'red', -300],
      [1, 'green', 3600],
    ])
  })

  it('is never what one handled oneself, nor what one’s team handled', () => {
    const cases = [handled(1, { handled_by: 'me' }), handled(2, { handled_by_team: 'mine' }), handled(3)]
    const { lines, own } = waitingFor(stateOf(cases), 'me', 'mine', NOON)
    expect(lines.map(line => line.case.number)).toEqual([3])
    expect(own).toBe(2)
  })
})
