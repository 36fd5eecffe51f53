/**
 * The ground of campaigns while somebody looks at it: asked once, then changed by events (`ground.ts`). Asked again only for what no
 * event carries, and after a whole new picture. What is told while it is being asked for is applied afterwards once more.
 */
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { useLive } from '@/shared/live/store'
import type { LiveEvent } from '@/shared/live/state'
import { apply, asksAgain, groundOf, type Ground } from './ground'

const SOON_MS = 200

/** ids: of which campaigns. The answer's map has those that the server has told of. */
export function useGrounds(ids: () => readonly string[]): ShallowRef<ReadonlyMap<string, Ground>> {
  const grounds = shallowRef<ReadonlyMap<string, Ground>>(new Map())
  const { onEvent, pictures } = useLive()
  const asking = new Map<string, LiveEvent[]>()
  const timers = new Map<string, number>()

  const put = (ground: Ground) => (grounds.value = new Map(grounds.value).set(ground.campaignId, ground))
  const soon = (id: string) => {
    if (!timers.has(id))
      timers.set(
        id,
        window.setTimeout(() => void look(id), SOON_MS),
      )
  }
  async function look(id: string): Promise<void> {
    timers.delete(id)
    if (asking.has(id)) return soon(id)
    const meanwhile: LiveEvent[] = []
    asking.set(id, meanwhile)
    const path = { params: { path: { campaign_id: id } } }
    const told = await ask(api.GET('/api/campaigns/{campaign_id}/coverage', path)).catch(() => null)
    asking.delete(id)
    if (told && ids().includes(id)) put(meanwhile.reduce(apply, groundOf(id, told)))
  }

  const deaf = onEvent(event => {
    for (const told of asking.values()) told.push(event)
    for (const ground of grounds.value.values()) {
      if (asksAgain(ground, event)) soon(ground.campaignId)
      const after = apply(ground, event)
      if (after !== ground) put(after)
    }
  })
  watch(
    () => ids().join(),
    () => {
      const wanted = ids()
      grounds.value = new Map([...grounds.value].filter(([id]) => wanted.includes(id)))
      for (const id of wanted) if (!grounds.value.has(id)) void look(id)
    },
    { immediate: true },
  )
  watch(pictures, () => ids().forEach(soon))
  onUnmounted(() => {
    deaf()
    timers.forEach(timer => clearTimeout(timer))
  })
  return grounds
}
