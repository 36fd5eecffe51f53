/** What became of reports, asked again now and then while somebody looks. The last answer is kept for a phone without network. */
import { onScopeDispose, reactive, watch, type Ref } from 'vue'
import { api, ask, Refusal, type Shapes } from '@/shared/api/client'
import { store } from '../queue/store'

export type Status = Shapes['ReportStatus']
export type Told = { status: Status | null; refused: Refusal | null; isOld: boolean }
const EVERY_MS = 20_000
const MOST_ASKED = 12
const OVER = new Set(['closed', 'refused'])
const keyOf = (receipt: string) => `status:${receipt}`

/** The status of each of these receipts, by receipt. */
export function useStatus(receipts: Ref<readonly string[]>): { told: Record<string, Told>; look: () => Promise<void> } {
  const told = reactive<Record<string, Told>>({})

  async function lookAt(receipt: string): Promise<void> {
    told[receipt] ??= {
      status: (await store.find<Status>(keyOf(receipt)).catch(() => null)) ?? null,
      refused: null,
      isOld: true,
    }
    try {
      const status = await ask(api.GET('/api/reports/{receipt}', { params: { path: { receipt } } }))
      told[receipt] = { status, refused: null, isOld: false }
      await store.keep(keyOf(receipt), status).catch(() => undefined)
    } catch (fault) {
      if (fault instanceof Refusal) told[receipt] = { ...told[receipt]!, refused: fault, isOld: true }
    }
  }
  const isOver = (receipt: string) => !told[receipt]?.isOld && OVER.has(told[receipt]?.status?.state ?? '')
  const look = async () => {
    const open = receipts.value.slice(0, MOST_ASKED).filter(receipt => !isOver(receipt))
    await Promise.all(open.map(lookAt))
  }
  watch(receipts, (now, before) => now.join() !== before?.join() && void look(), { immediate: true })
  const timer = window.setInterval(() => document.visibilityState === 'visible' && void look(), EVERY_MS)
  const seen = () => document.visibilityState === 'visible' && void look()
  document.addEventListener('visibilitychange', seen)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', seen)
  })
  return { told, look }
}
