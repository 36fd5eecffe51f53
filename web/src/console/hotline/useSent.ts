/** The calls sent from this window since somebody signed in, the latest first: kept while one goes from desk to desk, in memory only. */
import { ref, watch } from 'vue'
import { session } from '@/shared/api/session'
import type { Draft } from './draft'
import type { Sent } from './sending'

const SENT_KEPT = 6
const sent = ref<Sent[]>([])
/** Calls of which a later step failed: sent again as they were, which has no second effect. */
const unfinished = new Map<string, Draft>()

watch(
  () => session.token,
  () => {
    sent.value = []
    unfinished.clear()
  },
  { flush: 'sync' },
)

/** `done`: a call that was sent; typed: as it was, wanted again while a step of it failed. */
function remember(done: Sent, typed: Draft): void {
  const at = sent.value.findIndex(one => one.receipt.receipt === done.receipt.receipt)
  sent.value = at < 0 ? [done, ...sent.value].slice(0, SENT_KEPT) : sent.value.with(at, done)
  if (done.trouble) unfinished.set(done.receipt.receipt, typed)
  else unfinished.delete(done.receipt.receipt)
}

export function useSent() {
  return { sent, remember, unfinishedOf: (one: Sent) => unfinished.get(one.receipt.receipt) }
}
