/** All of one person, asked for again when an event is about any of their records: what is told of people is in no event. */
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import type { LiveEvent } from '@/shared/live/state'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import { useAsking } from '../parts/say'
import type { PersonFile } from './shapes'

const SOON_MS = 150

export function usePerson(id: () => string | null): {
  file: ShallowRef<PersonFile | null>
  refused: ReturnType<typeof useAsking>['refused']
  look: () => void
} {
  const file = shallowRef<PersonFile | null>(null)
  const { onEvent } = useLive()
  const { refused, run } = useAsking()
  let later = 0
  const look = oneAtATime(async () => {
    const wanted = id()
    if (!wanted) return
    const path = { params: { path: { person_id: wanted } } }
    const told = await run(() => ask(api.GET('/api/persons/{person_id}', path)))
    if (told && wanted === id()) file.value = told
  })
  const deaf = onEvent(event => {
    if (!file.value || !about(file.value, event)) return
    clearTimeout(later)
    later = window.setTimeout(look, SOON_MS)
  })
  watch(
    id,
    () => {
      file.value = null
      refused.value = null
      look()
    },
    { immediate: true },
  )
  onUnmounted(() => {
    clearTimeout(later)
    deaf()
  })
  return { file, refused, look }
}

function about(file: PersonFile, event: LiveEvent): boolean {
  if (event.kind.startsWith('look.')) return false
  const mine = new Set(file.records.map(one => one.person.id))
  const { rows = {}, person_id } = event.data
  if (typeof person_id === 'string' && mine.has(person_id)) return true
  const named = [...(rows.persons ?? []).map(row => row.id), ...(rows.case_people ?? []).map(row => row.person_id)]
  named.push(...(rows.person_suggestions ?? []).flatMap(row => [row.person_id, row.other_id]))
  return named.some(one => typeof one === 'string' && mine.has(one))
}
