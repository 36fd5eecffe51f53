/** What can be done with a case at its stage, and by which key. The server has the last word: this only shows what makes sense. */
import type { Case, Offer } from '@/shared/live/state'

export type ActionName =
  'accept' | 'refuse' | 'assign' | 'withdraw' | 'widen' | 'join' | 'unjoin' | 'split' | 'ask' | 'resume'
export type Action = { name: ActionName; key: string; primary?: boolean }
const MAY_ACT = ['dispatcher', 'shift_leader']
const MAY_ACCEPT = [...MAY_ACT, 'operator']

export function actionsOf(one: Case, offer: Offer | null, roles: readonly string[]): Action[] {
  const acts = MAY_ACT.some(role => roles.includes(role))
  const found: Action[] = []
  const open = ['discovered', 'accepted', 'dispatched', 'handling', 'handled'].includes(one.stage)
  if (one.stage === 'discovered' && MAY_ACCEPT.some(role => roles.includes(role))) {
    found.push({ name: 'accept', key: 'a', primary: true }, { name: 'refuse', key: 'x' })
  }
  if (!acts) return found
  if (['accepted', 'dispatched', 'handling'].includes(one.stage))
    found.push({ name: 'assign', key: 't', primary: one.stage === 'accepted' && !offer })
  if (['dispatched', 'handling'].includes(one.stage) || offer) found.push({ name: 'withdraw', key: 'c' })
  if (one.stage === 'accepted') found.push({ name: 'widen', key: 'w' })
  if (['discovered', 'accepted', 'dispatched'].includes(one.stage)) found.push({ name: 'join', key: 'm' })
  if (open && one.sighting_count > 1) found.push({ name: 'split', key: 'p' })
  if (open) found.push({ name: 'ask', key: 's' })
  if (one.stage === 'suspended') found.push({ name: 'resume', key: 'r', primary: true })
  if (one.stage === 'joined') found.push({ name: 'unjoin', key: 'u' })
  return found
}
