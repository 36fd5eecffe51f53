/** What the list of those who went home shows: filtered, and how late somebody's visit is. Pure. */
import type { Shapes } from '@/shared/api/client'

export type Returnee = Shapes['ReturneeShown']
export const FILTERS = ['all', 'late', 'soon', 'elsewhere', 'ended'] as const
export type Filter = (typeof FILTERS)[number]
const DAY_MS = 86_400_000
const SOON_DAYS = 14

/** Whole days until the visit is due; negative once it is late, null where none is. */
export function daysLeft(one: Returnee, now: number): number | null {
  if (!one.due_at) return null
  const left = (Date.parse(one.due_at) - now) / DAY_MS
  return Math.floor(left)
}

export const isLate = (one: Returnee, now: number): boolean => !!one.due_at && Date.parse(one.due_at) < now

export function fits(one: Returnee, filter: Filter, street: string, now: number): boolean {
  if (street && one.street !== street) return false
  if (filter === 'late') return isLate(one, now)
  if (filter === 'soon') {
    const left = daysLeft(one, now)
    return left !== null && left >= 0 && left <= SOON_DAYS
  }
  return filter !== 'elsewhere' || one.state === 'elsewhere'
}

export function lamp(one: Returnee, now: number): 'red' | 'yellow' | 'green' | 'none' {
  const left = daysLeft(one, now)
  if (left === null) return 'none'
  return left < 0 ? 'red' : left <= SOON_DAYS ? 'yellow' : 'green'
}
