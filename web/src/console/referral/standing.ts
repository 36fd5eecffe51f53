/** What a referral waits for, until when, and with which light; those that wait, what needs somebody first on top. Pure. Begin at `waiting`. */
import { light, type Light } from '@/shared/lights'
import type { Referral, State } from '@/shared/live/state'

/** As the server has it (backend/policy_default.toml `[clocks] yellow_at`): a light of the screen, no deadline of the law. */
const YELLOW_AT = 0.8
/** Who has been told by the time it has gone so far up (backend/referral/waiting.py `CHAIN`). */
export const CHAIN = ['receiver', 'dispatcher', 'shift_leader'] as const

export type Line = { one: Referral; light: Light; dueS: number | null }

/** Since when and until when somebody has to act: answer, come, sign. */
export function runs(one: Referral): [number, number] | null {
  const at = (text: string | null) => (text === null ? NaN : Date.parse(text))
  const [offered, answer] = [at(one.offered_at), at(one.answer_due_at)]
  const found: Partial<Record<Referral['state'], [number, number]>> = {
    offered: [offered, answer],
    accepted: [at(one.answered_at), at(one.reserved_until)],
    // Both sides sign within the time that an answer has.
    arrived: [at(one.arrived_at), at(one.arrived_at) + (answer - offered)],
  }
  const pair = found[one.state]
  return pair?.every(Number.isFinite) ? pair : null
}

export function lineOf(one: Referral, now: number): Line {
  const pair = one.ended_at ? null : runs(one)
  if (!pair) return { one, light: 'none', dueS: null }
  const [since, due] = pair
  const iso = (at: number) => new Date(at).toISOString()
  const clock = { due_at: iso(due), yellow_at: iso(since + (due - since) * YELLOW_AT), ended_at: null, paused_at: null }
  return { one, light: light(clock as Parameters<typeof light>[0], now), dueS: (due - now) / 1000 }
}

/** Those that are not over: alarms first, then by what is due next. */
export function waiting(state: Pick<State, 'referrals'>, now: number): Line[] {
  return [...state.referrals.values()]
    .filter(one => !one.ended_at)
    .map(one => lineOf(one, now))
    .sort(
      (a, b) =>
        Number(!a.one.alarm) - Number(!b.one.alarm) ||
        (a.dueS ?? Infinity) - (b.dueS ?? Infinity) ||
        a.one.number - b.one.number,
    )
}

/** Those of a case as the list told them, with what events told since, newest first. */
export function ofCase(known: readonly Referral[], state: Pick<State, 'referrals'>, caseId: string): Referral[] {
  const found = new Map(known.map(one => [one.id, one]))
  for (const one of state.referrals.values())
    if (one.case_id === caseId) found.set(one.id, { ...found.get(one.id), ...one })
  return [...found.values()].sort((a, b) => b.number - a.number)
}
