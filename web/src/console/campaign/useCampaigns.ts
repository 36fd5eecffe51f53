/**
 * The campaigns of the last months as this window knows them: asked once, then changed by events (I11). One list for the strip, the
 * map's layer and the desk. Empty for those who may not see them. Begin at `useCampaigns`.
 */
import { computed, effectScope, shallowRef, watch, type ComputedRef, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import { merged } from './listed'
import { mayRead } from './rights'
import type { Campaign } from './shapes'

const DAYS = 180
export type Campaigns = {
  /** By id. */
  all: ShallowRef<ReadonlyMap<string, Campaign>>
  running: ComputedRef<Campaign[]>
  /** Waiting for an answer, the one that has waited longest first. */
  proposed: ComputedRef<Campaign[]>
  /** Whether the server has answered. */
  known: ShallowRef<boolean>
}
const scope = effectScope(true)
let campaigns: Campaigns | null = null

export function useCampaigns(): Campaigns {
  campaigns ??= scope.run(make)!
  return campaigns
}

function make(): Campaigns {
  const all = shallowRef<ReadonlyMap<string, Campaign>>(new Map())
  const known = shallowRef(false)
  const { onEvent, pictures } = useLive()
  let asking = false
  const look = oneAtATime(async () => {
    const token = session.token
    if (!token || !mayRead(session.roles)) return
    asking = true
    const found = await ask(api.GET('/api/campaigns', { params: { query: { days: DAYS } } })).catch(() => null)
    asking = false
    if (!found || token !== session.token) return
    all.value = new Map(found.map(one => [one.id, one]))
    known.value = true
  })
  onEvent(event => {
    const after = merged(all.value, event)
    // What is told while it is being asked for may not be in the answer.
    if (after === 'ask' || (asking && after !== all.value)) look()
    if (after !== 'ask') all.value = after
  })
  watch(
    [() => session.token, pictures],
    ([token], [before]) => {
      if (token !== before) {
        all.value = new Map()
        known.value = false
      }
      if (token) look()
    },
    { immediate: true },
  )
  const having = (state: Campaign['state']) =>
    [...all.value.values()]
      .filter(one => one.state === state)
      .sort((a, b) => a.proposed_at.localeCompare(b.proposed_at))
  return { all, known, running: computed(() => having('running')), proposed: computed(() => having('proposed')) }
}
