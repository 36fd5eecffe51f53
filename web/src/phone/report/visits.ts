/** The visits that are due in the own community: asked of the server, kept for when there is no network, gone with the session. */
import { onMounted, onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import { api, ask, Refusal, type Shapes } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { store } from '../queue/store'

export type Visit = Shapes['VisitDue']
type Kept = { who: string; visits: Visit[]; at: number }
const KEY = 'visits'
const EVERY_MS = 120_000

/** It says where people sleep: only for who is signed in, and only as long. */
export const forgetVisits = (): Promise<void> => store.kept.delete(KEY)

export function useVisits(): {
  visits: ShallowRef<readonly Visit[] | null>
  keptAt: ShallowRef<number | null>
  refused: ShallowRef<Refusal | null>
  look: () => Promise<void>
} {
  const visits = shallowRef<readonly Visit[] | null>(null)
  const keptAt = shallowRef<number | null>(null)
  const refused = shallowRef<Refusal | null>(null)
  const who = session.me?.id ?? ''

  async function look(): Promise<void> {
    try {
      visits.value = await ask(api.GET('/api/visits'))
      keptAt.value = refused.value = null
      await store.keep(KEY, { who, visits: visits.value, at: Date.now() }).catch(() => undefined)
    } catch (fault) {
      refused.value = fault instanceof Refusal ? fault : null
    }
  }
  onMounted(async () => {
    const before = await store.find<Kept>(KEY).catch(() => null)
    if (before?.who === who) [visits.value, keptAt.value] = [before.visits, before.at]
    await look()
  })
  const timer = window.setInterval(() => document.visibilityState === 'visible' && void look(), EVERY_MS)
  onScopeDispose(() => clearInterval(timer))
  return { visits, keptAt, refused, look }
}
