/** Which cases wait for this checker. Pure. */
import type { Case, Clock, State } from '@/shared/live/state'
import { light, type Light } from '@/shared/lights'

export type Waiting = { case: Case; clock: Clock | null; light: Light; dueS: number | null }

const isOwn = (one: Case, me: string, team: string | null) =>
  one.handled_by === me || (!!team && one.handled_by_team === team)

/** Handled cases, what is due first on top; how many of them this person may never judge. */
export function waitingFor(
  state: State,
  me: string,
  team: string | null,
  now: number,
): { lines: Waiting[]; own: number } {
  const handled = [...state.cases.values()].filter(one => one.stage === 'handled')
  const others = handled.filter(one => !isOwn(one, me, team))
  const lines = others.map(one => {
    const clock = state.clocks.get(`${one.id}/verify`) ?? null
    const running = clock && !clock.ended_at ? clock : null
    return {
      case: one,
      clock: running,
      light: running ? light(running, now) : ('none' as Light),
      dueS: running ? (Date.parse(running.due_at) - now) / 1000 : null,
    }
  })
  lines.sort((a, b) => (a.dueS ?? Infinity) - (b.dueS ?? Infinity) || a.case.number - b.case.number)
  return { lines, own: handled.length - others.length }
}
