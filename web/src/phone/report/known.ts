/** What the server told once and a phone without network still knows: the dangers asked about, what a reporter is promised. */
import { onMounted, shallowRef, type ShallowRef } from 'vue'
import { api, ask, type Shapes } from '@/shared/api/client'
import { hearTime } from '../office'
import { store } from '../queue/store'

/** What was kept at once, then what the server says now. */
function useKept<T>(key: string, otherwise: T, from: () => Promise<T>): ShallowRef<T> {
  const known = shallowRef(otherwise)
  onMounted(async () => {
    const before = await store.find<T>(key).catch(() => null)
    if (before) known.value = before
    const now = await from().catch(() => null)
    if (!now) return
    known.value = now
    await store.keep(key, now).catch(() => undefined)
  })
  return known
}

// Of a phone that has never asked: the emergency numbers are the same everywhere, and no one waits for a list to ring them.
const ASSUMED = Object.entries({
  unconscious: ['120'],
  injury: ['120'],
  acute_illness: ['120'],
  abuse: ['110'],
  mental_crisis: ['110', '120'],
  infant: ['120', '110'],
  minor: ['110'],
}).map(([code, call_first]) => ({ code, zh: '', en: '', priority: 'high', call_first }))

export const useDangers = () =>
  useKept('dangers', ASSUMED as Shapes['DangerAsked'][], () => ask(api.GET('/api/dangers')))

/** Also how a phone without a live feed learns the office's time. */
export const usePromises = () =>
  useKept<Shapes['Promises'] | null>('promises', null, async () => {
    const told = await ask(api.GET('/api/promises'))
    hearTime(told.now)
    return told
  })
