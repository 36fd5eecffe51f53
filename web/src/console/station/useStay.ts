/** All of one stay, asked for again when an event is about it or its person: what people wrote is in no event. */
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import type { LiveEvent } from '@/shared/live/state'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import { useAsking } from '../parts/say'
import type { StayFile } from './shapes'

const SOON_MS = 150

export function useStay(id: () => string | null): {
  file: ShallowRef<StayFile | null>
  refused: ReturnType<typeof useAsking>['refused']
  look: () => void
} {
  const file = shallowRef<StayFile | null>(null)
  const { onEvent, pictures } = useLive()
  const { refused, run } = useAsking()
  let later = 0
  const look = oneAtATime(async () => {
    const wanted = id()
    if (!wanted) return
    const path = { params: { path: { stay_id: wanted } } }
    const told = await run(() => ask(api.GET('/api/stays/{stay_id}', path)))
    if (told && wanted === id()) file.value = told
  })
  const soon = () => {
    clearTimeout(later)
    later = window.setTimeout(look, SOON_MS)
  }
  const deaf = onEvent(event => file.value && about(file.value, event) && soon())
  watch(
    id,
    () => {
      file.value = null
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
  return { file, refused, look }
}

function about(file: StayFile, event: LiveEvent): boolean {
  if (event.kind.startsWith('look.')) return false
  const { rows = {}, person_id, stay_id } = event.data
  const names = (table: string, key: string, id: string) => (rows[table] ?? []).some(row => row[key] === id)
  return (
    person_id === file.person.id ||
    stay_id === file.stay.id ||
    names('stays', 'id', file.stay.id) ||
    names('persons', 'id', file.person.id)
  )
}
