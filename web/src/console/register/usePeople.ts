/** The people of the list: a page of the register, or what a search has found. A search is a look; it is made when it is asked for. */
import { ref, shallowRef, watch } from 'vue'
import { api, ask } from '@/shared/api/client'
import { useAsking } from '../parts/say'
import type { Listed, Wanted } from './shapes'

export type Part = 'all' | 'unknown' | 'suggested' | 'listed' | 'found'
const QUERY: Record<Exclude<Part, 'found'>, { identified?: boolean; suggested?: boolean; listed?: boolean }> = {
  all: {},
  unknown: { identified: false },
  suggested: { suggested: true },
  listed: { listed: true },
}

export function usePeople() {
  const people = shallowRef<readonly Listed[] | null>(null)
  const part = ref<Part>('all')
  const next = ref<string | null>(null)
  const { busy, refused, run } = useAsking()

  async function fetchPage(more = false): Promise<void> {
    const wanted = part.value
    if (wanted === 'found') return
    const query = { ...QUERY[wanted], cursor: more ? next.value : null }
    const page = await run(() => ask(api.GET('/api/persons', { params: { query } })))
    if (!page || wanted !== part.value) return
    const fresh = page.people.map(one => ({ ...one, photos: page.photos[one.id] ?? 0, suggested: page.suggested[one.id] ?? 0 })) // prettier-ignore
    people.value = more ? [...(people.value ?? []), ...fresh] : fresh
    next.value = page.next
  }
  async function search(wanted: Wanted): Promise<void> {
    part.value = 'found'
    const found = await run(() => ask(api.POST('/api/persons/search', { body: wanted })))
    people.value = found ?? []
    next.value = null
  }
  watch(
    part,
    () => {
      people.value = null
      void fetchPage()
    },
    { immediate: true },
  )
  return { people, part, next, busy, refused, fetchPage, search }
}
