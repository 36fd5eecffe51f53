/** What is to be visited in the own community: people who stayed outside, and people who went home. Asked of the server, kept for
 * when there is no network, gone with the session. */
import { onMounted, onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { api, ask, Refusal, type Shapes } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { store } from '../queue/store'

export type Visit = Shapes['VisitDue']
export type HomeVisit = Shapes['HomeVisitDue']
type Region = Shapes['RegionShown']
type Kept<T> = { who: string; visits: T[]; at: number }
export type List<T> = {
  visits: ShallowRef<readonly T[] | null>
  keptAt: ShallowRef<number | null>
  refused: ShallowRef<Refusal | null>
  look: () => Promise<void>
}
const KEY = 'visits'
const AT_HOME = 'home-visits'
const EVERY_MS = 120_000

/** It says where people sleep and live: only for who is signed in, and only as long. */
export const forgetVisits = async (): Promise<void> => {
  await Promise.all([store.kept.delete(KEY), store.kept.delete(AT_HOME)])
}

export const useVisits = (): List<Visit> => useKept(KEY, () => ask(api.GET('/api/visits')))
/** later: those that are due only after the next weeks as well, for whoever is in the street anyway. */
export function useHomeVisits(): List<HomeVisit> & { later: Ref<boolean> } {
  const later = ref(false)
  const list = useKept(AT_HOME, () => ask(api.GET('/api/home-visits', { params: { query: { later: later.value } } })))
  return { ...list, later }
}

/** Where somebody can have moved to: the parts of the city. Kept on the phone; they are public, and change once in years. */
export function useRegions(): ShallowRef<readonly Region[]> {
  const regions = shallowRef<readonly Region[]>([])
  onMounted(async () => {
    regions.value = (await store.find<Region[]>('regions').catch(() => null)) ?? []
    const all = await ask(api.GET('/api/regions')).catch(() => null)
    if (!all) return
    regions.value = all.filter(one => one.level !== 'city' && one.level !== 'province')
    await store.keep('regions', regions.value).catch(() => undefined)
  })
  return regions
}

function useKept<T>(key: string, read: () => Promise<T[]>): List<T> {
  const visits = shallowRef<readonly T[] | null>(null)
  const keptAt = shallowRef<number | null>(null)
  const refused = shallowRef<Refusal | null>(null)
  const who = session.me?.id ?? ''

  async function look(): Promise<void> {
    try {
      visits.value = await read()
      keptAt.value = refused.value = null
      await store.keep(key, { who, visits: visits.value, at: Date.now() }).catch(() => undefined)
    } catch (fault) {
      refused.value = fault instanceof Refusal ? fault : null
    }
  }
  onMounted(async () => {
    const before = await store.find<Kept<T>>(key).catch(() => null)
    if (before?.who === who) [visits.value, keptAt.value] = [before.visits, before.at]
    await look()
  })
  const timer = window.setInterval(() => document.visibilityState === 'visible' && void look(), EVERY_MS)
  onScopeDispose(() => clearInterval(timer))
  return { visits, keptAt, refused, look }
}
