/** This phone as a device that notices are pushed to. Begin at `turnOn`; `keepRegistered` renews it with every session.
 *
 * A browser subscribes by Web Push. A WebView has no push of its own: the shell around it hands over its token of FCM or JPush
 * (`window.RescueShell`, docs/phone.md). Also read by the service worker: nothing here knows a page but `turnOn`. */
import type { PhoneStore } from '../queue/store'

export type Token = { kind: 'fcm' | 'jpush'; token: string }
export type Keys = { web_push: string | null; fcm: boolean; jpush: boolean }
type Shell = { pushToken?: () => Token | string | null | Promise<Token | string | null> }
/** Asks the server as whoever is signed in; throws for what is refused. */
export type Asks = <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<T>
/** unsupported: this browser cannot · not_offered: the server does not send that kind · denied: the person said no */
export type PushState = 'unsupported' | 'not_offered' | 'denied' | 'off' | 'on'
type Kept = { id: string; account: string }
const DEVICE = 'device'

/** What the shell around a WebView has; Android's bridges can only hand over text. */
export async function shellToken(shell: Shell | undefined): Promise<Token | null> {
  const told = await shell?.pushToken?.()
  const found = typeof told === 'string' && told ? (JSON.parse(told) as Token) : (told as Token | null | undefined)
  return found?.token && ['fcm', 'jpush'].includes(found.kind) ? found : null
}

/** The browser's subscription, made with the server's key; one made with an earlier key is given up. */
export async function subscribe(at: ServiceWorkerRegistration, key: string): Promise<PushSubscription> {
  const wanted = bytesOf(key)
  const before = await at.pushManager.getSubscription()
  if (before && sameKey(before.options.applicationServerKey, wanted)) return before
  await before?.unsubscribe()
  return at.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted })
}

export function bytesOf(key: string): Uint8Array<ArrayBuffer> {
  const plain = atob(key.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(plain, letter => letter.charCodeAt(0))
}
function sameKey(ours: ArrayBuffer | null, wanted: Uint8Array): boolean {
  const known = new Uint8Array(ours ?? new ArrayBuffer(0))
  return known.length === wanted.length && known.every((byte, n) => byte === wanted[n])
}

/** Tells the server of the subscription or token; the same one again keeps its id. */
export async function register(
  store: PhoneStore,
  asks: Asks,
  account: string,
  what: PushSubscription | Token,
): Promise<void> {
  const body =
    'token' in what
      ? { kind: what.kind, token: what.token, subscription: null }
      : { kind: 'web_push', token: null, subscription: what.toJSON() }
  const { id } = await asks<{ id: string }>('POST', '/api/devices', body)
  await store.keep(DEVICE, { id, account } satisfies Kept)
}

/** Takes this phone off. While the session still lives: afterwards nobody may, and the server does it by itself. */
export async function forget(store: PhoneStore, asks: Asks): Promise<void> {
  const kept = await store.find<Kept>(DEVICE)
  if (!kept) return
  await store.kept.delete(DEVICE)
  await asks('DELETE', `/api/devices/${kept.id}`).catch(() => undefined)
}

export const isRegistered = async (store: PhoneStore, account: string): Promise<boolean> =>
  (await store.find<Kept>(DEVICE))?.account === account

/** The browser has changed the subscription by itself: the new one takes its place, also with the app closed. */
export async function resubscribe(at: ServiceWorkerRegistration, store: PhoneStore, asks: Asks): Promise<void> {
  const kept = await store.find<Kept>(DEVICE)
  if (!kept) return
  const { web_push } = await asks<Keys>('GET', '/api/devices/keys')
  if (web_push) await register(store, asks, kept.account, await subscribe(at, web_push))
}
