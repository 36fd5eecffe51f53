/** The reports of this phone: what waits, and the receipts of what was sent, kept long after the queue has forgotten them. */
import { liveQuery } from 'dexie'
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { officeNow } from '../office'
import { store, type Action, type Refusal } from '../queue/store'
import { asPublic } from './sending'

export type Mine = {
  action: string | null
  receipt: string | null
  who: string
  /** The office's time when it was seen (ms). */
  at: number
  about: string
  state: Action['state']
  refusal: Refusal | null
  /** The numbers that the server says are to be rung first. */
  ringFirst: string[]
}
const KEY = 'receipts'
const KEPT_DAYS = 180
const MOST = 200

const mineOf = (action: Action): Mine => ({
  action: action.id,
  receipt: (action.answer?.receipt as string | undefined) ?? null,
  who: action.who,
  at: action.occurredAt ?? action.madeAt,
  about: action.about,
  state: action.state,
  refusal: action.refusal,
  ringFirst: (action.answer?.call_first as string[] | undefined) ?? [],
})
const ofReport = (action: Action) => action.kind === 'report'
/** Newest first; of one receipt the first that says it. */
function eachOnce(all: readonly Mine[]): Mine[] {
  const once = new Map(all.map(one => [receiptOf(one), one]).reverse() as [string, Mine][])
  return [...once.values()].sort((a, b) => b.at - a.at)
}
const receiptOf = (one: Mine) => one.receipt ?? one.action

/** Copies the receipts of what was sent out of the queue, which keeps them for a week only. */
export async function keepReceipts(): Promise<void> {
  await store.transaction('rw', store.actions, store.kept, async () => {
    const sent = await store.actions.where('state').equals('sent').and(ofReport).toArray()
    if (!sent.length) return
    const before = await kept()
    const known = new Set(before.map(receiptOf))
    const fresh = sent.map(mineOf).filter(one => one.receipt && !known.has(one.receipt))
    if (!fresh.length) return
    const oldest = officeNow() - KEPT_DAYS * 86_400_000
    const all = [...before, ...fresh].filter(one => one.at > oldest).sort((a, b) => b.at - a.at)
    await store.keep(KEY, all.slice(0, MOST))
  })
}
const kept = async (): Promise<Mine[]> => (await store.find<Mine[]>(KEY)) ?? []

/** The codes alone, so that a receipt that was typed in is found again. */
export async function keepTyped(receipt: string): Promise<void> {
  const before = await kept()
  if (before.some(one => one.receipt === receipt)) return
  const who = asPublic() ? 'public' : session.me!.id
  const typed: Mine = {
    action: null,
    receipt,
    who,
    at: officeNow(),
    about: '',
    state: 'sent',
    refusal: null,
    ringFirst: [],
  }
  await store.keep(KEY, [typed, ...before])
}

export async function forgetReceipt(receipt: string): Promise<void> {
  await store.keep(
    KEY,
    (await kept()).filter(one => one.receipt !== receipt),
  )
  await store.actions
    .where('state')
    .equals('sent')
    .and(action => ofReport(action) && action.answer?.receipt === receipt)
    .delete()
}

/** What an account has reported from another phone, or before this one was cleared. */
async function fromServer(): Promise<Mine[]> {
  if (asPublic()) return []
  const told = await ask(api.GET('/api/reports/mine')).catch(() => [])
  return told.map(one => ({
    action: null,
    receipt: one.status.receipt,
    who: session.me!.id,
    at: Date.parse(one.occurred_at),
    about: '',
    state: 'sent',
    refusal: null,
    ringFirst: [],
  }))
}

/** The own reports, newest first; follows the queue. Of an account only while it is signed in here. */
export function useMine(): ShallowRef<readonly Mine[]> {
  const mine = shallowRef<readonly Mine[]>([])
  const elsewhere = fromServer()
  let [here, there]: Mine[][] = [[], []]
  const read = async (): Promise<Mine[]> => {
    const [old, queued] = await Promise.all([kept(), store.actions.orderBy('n').toArray()])
    return eachOnce([...queued.filter(ofReport).map(mineOf), ...old])
  }
  const watching = liveQuery(read).subscribe(all => {
    const whose = asPublic() ? 'public' : session.me?.id
    here = all.filter(one => one.who === whose)
    mine.value = eachOnce([...here, ...there])
  })
  void elsewhere.then(found => (mine.value = eachOnce([...here, ...(there = found)])))
  onScopeDispose(() => watching.unsubscribe())
  return mine
}
