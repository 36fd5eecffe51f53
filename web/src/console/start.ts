/** Where somebody's work is: the desk that they come to when they sign in. Pure. */
import type { Desk } from './router'

/** Who answers for the whole picture begins with it, whatever else they do. */
const WHOLE = ['dispatcher', 'shift_leader', 'supervisor']
const OWN: readonly [role: string, desk: string][] = [
  ['operator', 'hotline'],
  ['checker', 'verification'],
  ['admin', 'admin'],
  ['station_staff', 'station'],
]

/** The first of the desks that is the role's own; undefined for who has none. */
export function firstDesk(roles: readonly string[], desks: readonly Desk[]): Desk | undefined {
  const own = roles.some(role => WHOLE.includes(role)) ? undefined : OWN.find(([role]) => roles.includes(role))?.[1]
  return desks.find(desk => desk.name === own) ?? desks[0]
}
