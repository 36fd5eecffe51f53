/** The desk of one house: asked for once, changed by events, asked for again when somebody came or went. Begin at `useStation`. */
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import { useAsking } from '../parts/say'
import { after } from './desk'
import type { Desk } from './shapes'

/** Several events may tell of one arrival: one look afterwards. */
const SOON_MS = 150

export function useStation(facilityId: () => string | null): {
  desk: ShallowRef<Desk | null>
  refused: ReturnType<typeof useAsking>['refused']
  look: () => void
} {
  const desk = shallowRef<Desk | null>(null)
  const { onEvent, pictures } = useLive()
  const { refused, run } = useAsking()
  let later = 0
  let asking = false
  const look = oneAtATime(async () => {
    const wanted = facilityId()
    if (!wanted) return
    asking = true
    const query = { facility_id: wanted }
    const told = await run(() => ask(api.GET('/api/station', { params: { query } })))
    asking = false
    if (told && wanted === facilityId()) desk.value = told
  })
  const soon = () => {
    clearTimeout(later)
    later = window.setTimeout(look, SOON_MS)
  }
  const deaf = onEvent(event => {
    if (!desk.value) return
    const changed = after(desk.value, event)
    // What is told while it is being asked for may not be in the answer.
    if (changed === 'ask' || (asking && changed !== desk.value)) soon()
    if (changed !== 'ask') desk.value = changed
  })
  watch(
    facilityId,
    () => {
      desk.value = null
      refused.value = null
      look()
    },
    { immediate: true },
  )
  watch(pictures, soon)
  onUnmounted(() => {
    clearTimeout(later)
    deaf()
  })
  return { desk, refused, look }
}
