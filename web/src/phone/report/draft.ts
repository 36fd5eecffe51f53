/** A report while it is made. It outlives the app being closed; `bodyOf` is what is sent, `draftOf` the way back, to mend it. */
import { watch, type ShallowRef } from 'vue'
import { store, type Photo } from '../queue/store'
import { codesOf, signsOf, type Codes, type Sign } from './signs'
import type { Crs } from './where'

export type Spot = {
  lon: number
  lat: number
  crs: Crs
  accuracy_m: number | null
  from: 'own' | 'map' | 'landmark' | 'last'
}
export type Draft = {
  spot: Spot | null
  /** A landmark, as typed or chosen. */
  landmark: string
  seen: Sign[]
  people: number
  words: string
  phone: string
  callBack: boolean
}
const KEY = 'draft-report'
const KEPT_MS = 24 * 3_600_000
const WAIT_MS = 200

export const blank = (): Draft => ({
  spot: null,
  landmark: '',
  seen: [],
  people: 1,
  words: '',
  phone: '',
  callBack: false,
})
export const isBlank = (draft: Draft): boolean => JSON.stringify(draft) === JSON.stringify(blank())

/** named: the place in words, as the server says it. */
export function bodyOf(draft: Draft, channel: string, named = ''): Record<string, unknown> {
  const { spot } = draft
  const phone = draft.phone.trim()
  const address = [draft.landmark.trim(), named].filter((word, n, all) => word && all.indexOf(word) === n)
  return {
    channel,
    place: spot && { lon: spot.lon, lat: spot.lat, crs: spot.crs, accuracy_m: spot.accuracy_m },
    people_count: draft.people,
    ...codesOf(draft.seen),
    description: draft.words.trim(),
    address: address.join('，').slice(0, 200),
    ...(phone && { contact: { phone, call_back: draft.callBack } }),
  }
}

type Sent = Partial<Codes> & {
  place?: Omit<Spot, 'from'>
  people_count?: number
  description?: string
  address?: string
  contact?: { phone?: string; call_back?: boolean }
}
export function draftOf(body: Record<string, unknown>): Draft {
  const sent = body as Sent
  return {
    spot: sent.place ? { ...sent.place, from: 'map' } : null,
    landmark: sent.address ?? '',
    seen: signsOf(sent),
    people: sent.people_count ?? 1,
    words: sent.description ?? '',
    phone: sent.contact?.phone ?? '',
    callBack: sent.contact?.call_back ?? false,
  }
}

export type Kept = { restored: boolean; stop: () => void; clear: () => Promise<void> }

/** Fills the draft as it was left on this phone, and keeps it from now on. What mends a refused report lies in the queue instead. */
export async function keptDraft(draft: Draft, photos: ShallowRef<Photo[]>): Promise<Kept> {
  const found = await store.find<{ draft: Draft; photos: Photo[]; at: number }>(KEY).catch(() => null)
  const restored = found !== null && found.at > Date.now() - KEPT_MS && !isBlank({ ...found.draft, spot: null })
  if (restored) {
    Object.assign(draft, found.draft)
    photos.value = found.photos
  }
  let timer = 0
  const now = () => {
    clearTimeout(timer)
    timer = 0
    return keep(draft, photos.value)
  }
  const ends = watch([draft, photos], () => {
    clearTimeout(timer)
    timer = window.setTimeout(() => void now(), WAIT_MS)
  })
  // Another app comes to the front, and a phone that is short of memory may never come back to this one.
  const hidden = () => void (timer && document.visibilityState === 'hidden' && now())
  document.addEventListener('visibilitychange', hidden)
  const stop = () => {
    ends()
    document.removeEventListener('visibilitychange', hidden)
    if (timer) void now()
  }
  const clear = async () => {
    clearTimeout(timer)
    timer = 0
    stop()
    await store.kept.delete(KEY)
  }
  return { restored, stop, clear }
}

/** A phone without room keeps the words at least. */
async function keep(draft: Draft, photos: readonly Photo[]): Promise<void> {
  const plain = JSON.parse(JSON.stringify(draft)) as Draft
  const at = Date.now()
  await store
    .keep(KEY, { draft: plain, photos: [...photos], at })
    .catch(() => store.keep(KEY, { draft: plain, photos: [], at }).catch(() => undefined))
}
