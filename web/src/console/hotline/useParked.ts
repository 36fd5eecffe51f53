/** Calls put aside: kept on the server, sealed, so that no draft is lost when this window is. */
import { onUnmounted, ref, shallowRef } from 'vue'
import { api, ask, newId, type Shapes } from '@/shared/api/client'
import { useAsking } from '../parts/say'
import { draftFrom, type Draft } from './draft'

const EVERY_MS = 20_000

/** The number of a parked call, where one may know it: of colleagues' the draft is not told. */
export const numberOf = (call: Shapes['ParkedCall']): string =>
  String((call.draft as { number?: string } | null)?.number ?? '')

export function useParked() {
  const calls = shallowRef<readonly Shapes['ParkedCall'][]>([])
  const trouble = ref(false)
  const { busy, refused, run } = useAsking()

  async function look(): Promise<void> {
    try {
      calls.value = await ask(api.GET('/api/calls/parked'))
      trouble.value = false
    } catch {
      trouble.value = true
    }
  }
  void look()
  const timer = setInterval(() => document.hidden || void look(), EVERY_MS)
  onUnmounted(() => clearInterval(timer))

  /** True once the server has it: only then may the form be cleared. */
  async function park(draft: Draft): Promise<boolean> {
    const body = { id: draft.id, started_at: draft.startedAt, draft: draft as unknown as Record<string, never> }
    const kept = await run(() => ask(api.POST('/api/calls/parked', { body })))
    if (kept) await look()
    return kept !== undefined
  }

  /** The draft of a parked call, which then is no longer parked. The draft is read before it goes from the list. */
  async function take(id: string): Promise<Draft | null> {
    const path = { call_id: id }
    const found = await run(async () => {
      const call = await ask(api.GET('/api/calls/parked/{call_id}', { params: { path } }))
      const draft = draftFrom(call.draft, newId)
      await ask(api.DELETE('/api/calls/parked/{call_id}', { params: { path } }))
      return draft
    })
    await look()
    return found ?? null
  }

  /** Throws a parked call away. */
  async function discard(id: string): Promise<void> {
    await run(() => ask(api.DELETE('/api/calls/parked/{call_id}', { params: { path: { call_id: id } } })))
    await look()
  }

  return { calls, busy, refused, park, take, discard }
}
