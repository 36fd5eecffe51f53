/** Goes on sending while the app is open: at once when something is new or the network returns, else again after a growing pause. */
import { ref, watch } from 'vue'
import { session } from '@/shared/api/session'
import { officeNow } from '../office'
import { flush, sendAtOnce, type Outcome } from './send'
import { SESSION, store } from './store'

/** How sending went the last time; the bar at the top says it. */
export const line = ref<Outcome['end']>('done')
const SENT_KEPT_MS = 7 * 86_400_000
const SHORTEST_MS = 2_000
const LONGEST_MS = 60_000
let timer = 0
let failures = 0
let running: Promise<void> | null = null
let again = false

/** Something is new, or may go now. */
export function wake(): void {
  clearTimeout(timer)
  if (running) {
    again = true
    return
  }
  running = send().finally(() => {
    running = null
    if (again) {
      again = false
      wake()
    }
  })
}

/** One action that cannot wait for its turn: tried at once, past what is being sent; the queue goes on trying. */
export const hurry = (id: string): Promise<boolean> =>
  sendAtOnce(store, (url, init) => fetch(url, init), id, officeNow).catch(() => false)

async function send(): Promise<void> {
  const outcome = await alone(() => flush(store, (url, init) => fetch(url, init), officeNow))
  if (!outcome) return
  line.value = outcome.end
  failures = outcome.end === 'done' ? 0 : failures + 1
  if (outcome.end === 'signed_out' && session.token && (await isOver())) session.end('expired')
  const waitMs = Math.max(outcome.waitS * 1000, Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(failures, 5)))
  const waits = await store.actions.where('state').equals('waiting').count()
  if (waits && outcome.end === 'away') void goOnWhenClosed()
  if (waits) timer = window.setTimeout(wake, waitMs * (0.8 + 0.4 * Math.random()))
}

/** Where the browser can, it sends what waits when the network returns, though the app is closed by then. */
async function goOnWhenClosed(): Promise<void> {
  const worker = await navigator.serviceWorker?.getRegistration('/m/')
  await (worker as { sync?: { register: (tag: string) => Promise<void> } } | undefined)?.sync
    ?.register('rescue-queue')
    .catch(() => undefined)
}

/** Whether the session that is signed in here is refused, rather than another person's things waiting for them. */
async function isOver(): Promise<boolean> {
  const answer = await fetch('/api/sessions/me', { headers: { Authorization: `Bearer ${session.token}` } }).catch(
    () => null,
  )
  return answer?.status === 401
}

/** One of all pages and the service worker at a time; twice would do no harm but cost a weak network. */
async function alone(send: () => Promise<Outcome>): Promise<Outcome | undefined> {
  if (!navigator.locks) return send()
  return navigator.locks.request('rescue-queue', { ifAvailable: true }, async lock => (lock ? send() : undefined))
}

/** What the faces have to say: what they still need of things sent long ago, what they forget with the session. */
type Faces = { beforeTidying: () => Promise<void>; signedOut: () => Promise<void> }

export function keepSending(faces: Faces): void {
  watch(
    () => session.token,
    async token => {
      const kept = token && session.me ? { account: session.me.id, token } : null
      await store.keep(SESSION, kept)
      if (!kept) await faces.signedOut().catch(() => undefined)
      wake()
    },
    { immediate: true },
  )
  window.addEventListener('online', wake)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake())
  void navigator.storage?.persist?.()
  void faces
    .beforeTidying()
    .then(tidy)
    .catch(() => undefined)
}

const tidy = () =>
  store.actions
    .where('state')
    .equals('sent')
    .and(one => (one.sentAt ?? 0) < Date.now() - SENT_KEPT_MS)
    .delete()
